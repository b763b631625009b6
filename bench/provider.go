package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/sqlite"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// settings travel to the provider's process in its environment.
type settings struct {
	Dir string // for the log, and for SQLite's file
	URL string // of PostgreSQL
}

const settingsVariable = "GATELODGE_BENCH_PROVIDER"

// isProvider reports whether this process is to be the provider.
func isProvider() (s settings, ok bool) {
	text, ok := os.LookupEnv(settingsVariable) //nolint:forbidigo // from ourselves to ourselves
	if ok && json.Unmarshal([]byte(text), &s) != nil {
		ok = false
	}
	return s, ok
}

// addresses is what the provider's process says once it serves.
type addresses struct{ Public, Control string }

// provide is the provider's process. It ends when its standard input does.
func provide(s settings) error {
	ctx := context.Background()
	var trips storagetest.RoundTrips
	store, err := openStore(ctx, s, &trips)
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // opens at once
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // opens at once
	if err != nil {
		return err
	}
	handler, err := newHandler(ctx, s, store, "http://"+public.Addr().String())
	if err != nil {
		return err
	}
	server := newServer(handler)
	go func() { _ = server.Serve(public) }()
	go func() { _ = http.Serve(control, controls(&trips)) }() //nolint:gosec // for one client, ours
	if err := json.NewEncoder(os.Stdout).Encode(addresses{public.Addr().String(), control.Addr().String()}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(server.Close(), store.Close())
}

func openStore(ctx context.Context, s settings, trips *storagetest.RoundTrips) (storage.Store, error) {
	if s.URL == "" {
		db, err := sqlite.Open(ctx, filepath.Join(s.Dir, "gatelodge.db"))
		if err != nil {
			return nil, err
		}
		return db, db.Migrate(ctx)
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: s.URL, Tracer: trips})
	if err != nil {
		return nil, err
	}
	return db, db.Migrate(ctx)
}

// newHandler wires the provider as cmd/gatelodge does. Its log, a line a request,
// goes to a file.
func newHandler(ctx context.Context, s settings, store storage.Store, issuer string) (http.Handler, error) {
	logFile, err := os.Create(filepath.Join(s.Dir, "log"))
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(logFile, nil))
	c := config.Default()
	c.Issuer = issuer
	secrets, err := secret.New("a secret for the bench only, of 32 bytes or more")
	if err != nil {
		return nil, err
	}
	hasher, err := account.NewHasher(account.Argon2{
		MemoryKiB: c.Password.MemoryKiB, Time: c.Password.Time, Threads: c.Password.Threads,
	})
	if err != nil {
		return nil, err
	}
	ring := keys.New(keys.Config{Algorithms: c.Keys.Algorithms, RotateEvery: c.Keys.RotateEvery}, store, secrets, now, log)
	if err := ring.Load(ctx); err != nil {
		return nil, err
	}
	if err := seed(ctx, store, secrets, hasher); err != nil {
		return nil, err
	}
	calls, err := outbound.New(outbound.Config{Now: now})
	if err != nil {
		return nil, err
	}
	return provider.New(provider.Deps{ //nolint:contextcheck // what it logs belongs to no request
		Config: c, Store: store, Keys: ring, Secrets: secrets, Hasher: hasher, Outbound: calls, Log: log, Now: now,
	})
}

// newServer has the limits of cmd/gatelodge.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

func now() time.Time { return time.Now().UTC() } //nolint:forbidigo // wired in here

// stats is what the provider's process has cost since it began.
type stats struct {
	Mallocs    uint64
	RoundTrips int
	CPU        time.Duration
	PeakKiB    int
}

func controls(trips *storagetest.RoundTrips) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/profile", pprof.Profile)
	mux.HandleFunc("/allocs", pprof.Handler("allocs").ServeHTTP)
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(stats{
			Mallocs: m.Mallocs, RoundTrips: trips.Count(), CPU: cpuTime(), PeakKiB: peakMemory(),
		})
	})
	return mux
}

// process is the provider's process, seen from this one.
type process struct {
	addresses
	dir      string
	cmd      *exec.Cmd
	stdin    io.Closer
	database *pgtest.Server // nil with SQLite
}

// startProvider starts the provider on a fresh database.
func startProvider(ctx context.Context, e engine, dir string) (p *process, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	p = &process{dir: dir}
	s := settings{Dir: dir}
	if e.postgres {
		if p.database, err = pgtest.StartServer(""); err != nil {
			return nil, err
		}
		s.URL = p.database.URL("postgres") + e.parameters
	}
	if err := p.start(ctx, s); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *process) start(ctx context.Context, s settings) error {
	itself, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, itself)                                        //nolint:gosec // this program
	cmd.Env = append(cmd.Environ(), settingsVariable+"="+string(text), "GOGC=400") // that of cmd/gatelodge
	cmd.Stderr = os.Stderr
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the provider did not start: %w", err)
	}
	return json.Unmarshal(line, &p.addresses)
}

// stop ends the provider and its database.
func (p *process) stop() error {
	var err error
	if p.cmd != nil {
		err = errors.Join(p.stdin.Close(), p.cmd.Wait())
	}
	if p.database != nil {
		p.database.Remove()
	}
	return err
}

// stats asks the provider's process what it has cost.
func (p *process) stats(ctx context.Context) (s stats, err error) {
	body, err := p.control(ctx, "/stats")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// control asks the provider's process about itself.
func (p *process) control(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Control+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
