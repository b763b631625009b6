package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider"
)

type serveCmd struct {
	Check bool `help:"Check the configuration and exit."`
}

// Run serves until it is asked to stop.
func (c *serveCmd) Run(ctx context.Context, env *environment) error {
	if c.Check {
		settings, err := config.Load(env.path, config.Serve)
		if err == nil {
			_, _ = fmt.Fprintf(env.stdout, "The configuration is right. The issuer is %s\n", settings.Issuer)
		}
		return err
	}
	p, err := env.build(ctx, config.Serve)
	if err != nil {
		return err
	}
	return errors.Join(p.serve(ctx, nil), p.close())
}

// hook is what a command does once the provider serves.
type hook func(context.Context) error

const (
	// drain is how long requests under way may take to finish after a signal.
	drain = 15 * time.Second
	// firstWait and lastWait bound the waits for a database at start.
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Second
)

// serve runs the public and the ops listener until the context ends. Liveness
// answers at once; the public listener opens when the database has answered.
// Then started, which may be nil, is called.
func (p *process) serve(ctx context.Context, started hook) error {
	public, err := listen(p.config.HTTP.Addr)
	if err != nil {
		return err
	}
	private, err := listen(p.config.Ops.Addr)
	if err != nil {
		return errors.Join(err, closeAll(public))
	}
	state := &health{db: p.db, now: now}
	ops := server(state.routes())
	failed := make(chan error, len(public)+len(private))
	start(ops, private, failed)
	err = p.servePublic(ctx, state, public, failed, started)
	return errors.Join(err, ops.Close())
}

func (p *process) servePublic(
	ctx context.Context, state *health, listeners []net.Listener, failed chan error, started hook,
) error {
	if !p.ready(ctx) {
		return closeAll(listeners)
	}
	handler, err := provider.New(provider.Deps{
		Config: p.config, Store: p.db, Keys: p.keys, Secrets: p.secrets, Hasher: p.hasher,
		Log: p.log, Now: now, Dev: p.mode == config.Dev,
	})
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	cleaner := &cleaner{store: p.db, log: p.log, now: now}
	public := server(cleaner.after(handler))
	start(public, listeners, failed)
	state.serving.Store(true)
	p.log.InfoContext(ctx, "serving", slog.String("issuer", p.config.Issuer), slog.String("addr", p.config.HTTP.Addr))
	if started != nil {
		if err := started(ctx); err != nil {
			return errors.Join(err, public.Close())
		}
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	state.serving.Store(false)
	p.log.InfoContext(ctx, "stopping")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err = errors.Join(err, public.Shutdown(finish))
	cleaner.wait()
	return err
}

// ready waits for the database, brings its schema up to date and loads the
// keys. It is false if the process was asked to stop meanwhile.
func (p *process) ready(ctx context.Context) bool {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := p.prepare(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		p.log.WarnContext(ctx, "the database is not ready",
			slog.String("error", err.Error()), slog.Duration("again_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

func (p *process) prepare(ctx context.Context) error {
	current, err := p.db.Migrated(ctx)
	if err != nil {
		return err
	}
	if !current {
		if err := p.db.Migrate(ctx); err != nil {
			return err
		}
	}
	return p.keys.Load(ctx)
}

// server returns a server whose clients cannot hold it up.
func server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// start serves on each listener until the server is shut down.
func start(s *http.Server, listeners []net.Listener, failed chan<- error) {
	for _, l := range listeners {
		go func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
		}()
	}
}

// listen opens the address. localhost is both of its addresses, as far as the
// machine has them, and no other.
func listen(addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var listeners []net.Listener
	for i, h := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(h, port)) //nolint:noctx // opens at once
		if err != nil && i > 0 {
			break // no IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
		}
		listeners = append(listeners, l)
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			port = strconv.Itoa(tcp.Port) // of ":0", the same for both
		}
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}
