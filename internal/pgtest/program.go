package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// program is a running server that tells on stderr when it is ready.
type program struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start starts the program and waits until it has logged the ready text.
func start(ready, path string, args ...string) (*program, error) {
	cmd := exec.Command(path, args...)
	if err := asNobodySpecial(cmd); err != nil {
		return nil, err
	}
	// When this process dies without stopping it, the kernel does.
	dieWithParent(cmd.SysProcAttr)
	logged, stderr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = stderr
	err = errors.Join(cmd.Start(), stderr.Close())
	if err != nil {
		return nil, errors.Join(err, logged.Close())
	}
	p := &program{cmd: cmd, done: make(chan struct{})}
	err = waitFor(ready, logged)
	go func() { // keeps the pipe empty until the program ends
		defer close(p.done)
		_, _ = io.Copy(io.Discard, logged)
		_ = cmd.Wait()
		_ = logged.Close()
	}()
	if err != nil {
		p.stop(os.Kill)
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// waitFor reads lines until one has the text.
func waitFor(text string, logged io.Reader) error {
	var lines []string
	for scanner := bufio.NewScanner(logged); scanner.Scan(); {
		if strings.Contains(scanner.Text(), text) {
			return nil
		}
		lines = append(lines, scanner.Text())
	}
	return fmt.Errorf("it ended: %s", strings.Join(lines, "\n"))
}

// stop sends the signal, and waits for the end.
func (p *program) stop(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal) // it may have ended already
	<-p.done
}

// asNobodySpecial makes the program run as the user postgres if this process is
// root, which neither PostgreSQL nor PgBouncer would run as.
func asNobodySpecial(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := owner()
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.Dir = "/"
	return nil
}

// owner is the user whom servers run as.
func owner() (uid, gid int, err error) {
	if os.Getuid() != 0 {
		return os.Getuid(), os.Getgid(), nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, fmt.Errorf("PostgreSQL does not run as root: %w (install postgresql)", err)
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// tempDir makes a directory below parent that belongs to the user whom servers run
// as.
func tempDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "gatelodge-pgtest-")
	if err != nil {
		return "", err
	}
	uid, gid, err := owner()
	if err == nil {
		err = os.Chown(dir, uid, gid)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// find finds a program in PATH or where Debian puts it, the newest version first.
func find(name, debianPackage string, patterns ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err == nil && len(paths) > 0 {
			return slices.Max(paths), nil
		}
	}
	return "", fmt.Errorf("%s is not installed: on Debian, apt-get install %s", name, debianPackage)
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:errcheck // tcp listens on a TCPAddr
}
