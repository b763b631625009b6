package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// password is the superuser's. It is asked for over TLS only.
const password = "correct-horse"

// Server is a PostgreSQL server with a data directory of its own.
type Server struct {
	bin, dir string
	port     int
	options  []string
	program  *program
}

// NewServer starts a server that ends with the test: for tests that stop it.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	s, err := StartServer(scratch())
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	tb.Cleanup(s.Remove)
	return s
}

// URL is where the database of that name is; "postgres" is always there.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Start starts the server again after Stop or Kill, on the same port.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	if err := s.start(); err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
}

// Stop ends the server as an operator does, telling its clients.
func (s *Server) Stop() { s.program.stop(os.Interrupt) }

// Kill ends the server as a crash does: its next start has to recover.
func (s *Server) Kill() { s.program.stop(syscall.SIGQUIT) }

// StartServer starts a server that keeps its data in a directory of its own below
// parent, or the usual place if that is "", until it is removed. The options are
// those of the program postgres.
func StartServer(parent string, options ...string) (*Server, error) {
	initdb, err := find("initdb", "postgresql", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: filepath.Dir(initdb), options: options}
	if s.dir, err = tempDir(parent); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err == nil {
		err = s.init()
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// init makes the data directory.
func (s *Server) init() error {
	secret := s.path("password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.path("data"), "-U", "postgres",
		"--pwfile", secret, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust")
	if err := asNobodySpecial(cmd); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	// What comes over TLS proves the password, so that channel binding is used.
	const access = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(s.path("data", "pg_hba.conf"), []byte(access), 0o644); err != nil {
		return err
	}
	return writeCertificates(s.path())
}

func (s *Server) start() (err error) {
	options := append([]string{
		"-D", s.path("data"), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=400", "-c", "log_min_messages=log", "-c", "log_checkpoints=off",
		"-c", "ssl=on", "-c", "ssl_cert_file=" + s.path("server.crt"), "-c", "ssl_key_file=" + s.path("server.key"),
	}, s.options...)
	s.program, err = start("ready to accept connections", filepath.Join(s.bin, "postgres"), options...)
	return err
}

func (s *Server) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// Remove ends the server and deletes its data.
func (s *Server) Remove() {
	s.program.stop(syscall.SIGQUIT)
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove PostgreSQL data:", err)
	}
}
