package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/secret"
)

type serveCmd struct {
	Check bool `help:"Check the configuration and exit."`
}

// Run serves until it is asked to stop.
func (c *serveCmd) Run(ctx context.Context, env *environment) error {
	if c.Check {
		return check(env)
	}
	p, err := env.build(ctx, config.Serve)
	if err != nil {
		return err
	}
	return errors.Join(p.serve(ctx, nil), p.close())
}

// check says whether the settings are right, and the files that they name.
func check(env *environment) error {
	settings, err := config.Load(env.path, config.Serve)
	if err != nil {
		return err
	}
	if _, err := loadCertificate(settings.HTTP, nil, now); err != nil {
		return err
	}
	if _, err := newCalls(settings.Outbound); err != nil {
		return err
	}
	if _, err := provider.LoadPages(settings); err != nil {
		return err
	}
	for _, warning := range settings.Theme.Look().Warnings() {
		_, _ = fmt.Fprintf(env.stdout, "theme: %s\n", warning)
	}
	if _, err := newMail(settings, config.Serve); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(env.stdout, "The configuration is right. The issuer is %s\n", settings.Issuer)
	return nil
}

// hook is what a command does once the database is ready and before the
// provider answers.
type hook func(context.Context) error

const (
	// drain is how long requests under way may take to finish after a signal.
	drain = 15 * time.Second
	// firstWait and lastWait bound the waits for a database at start.
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Second
)

// serve runs the public and the ops listener until the context ends.
func (p *process) serve(ctx context.Context, before hook) error {
	collectLess()
	cert, err := loadCertificate(p.config.HTTP, p.log, now)
	if err != nil {
		return err
	}
	public, err := listen(ctx, "http.addr", p.config.HTTP.Addr)
	if err != nil {
		return err
	}
	private, err := listen(ctx, "ops.addr", p.config.Ops.Addr)
	if err != nil {
		return errors.Join(err, closeAll(public))
	}
	state := &health{db: p.db, now: now}
	cleaner := &cleaner{store: p.db, log: p.log, now: now}
	entrance := newEntrance(p.log)
	front, ops := p.front(entrance, cert), server(state.routes())
	failed := make(chan error, len(public)+len(private))
	start(front, public, failed)
	start(ops, private, failed)

	deliver, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var delivering sync.WaitGroup
	handler, err := p.open(ctx, entrance, cleaner, before)
	if err == nil {
		for _, box := range boxes(handler) {
			delivering.Go(func() { box.Run(deliver) })
			box.Kick() // what the last process has left
		}
		state.serving.Store(true)
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
		state.serving.Store(false)
	} else if ctx.Err() != nil {
		err = nil // asked to stop while it waited
	}
	p.log.InfoContext(ctx, "stopping")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err = errors.Join(err, front.Shutdown(finish), ops.Close())
	stop()
	delivering.Wait()
	cleaner.wait()
	return err
}

// front is the public server, which speaks TLS if there is a certificate.
func (p *process) front(e *entrance, cert *certificate) *http.Server {
	s := server(e)
	if cert != nil {
		s.TLSConfig, s.Handler = cert.settings(), onlyTLS(p.config.Issuer, e)
		// Handshakes fail all the time, with whoever looks for open ports.
		s.ErrorLog = slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)
	}
	return s
}

// box is what delivers beside the requests.
type box interface {
	Run(ctx context.Context)
	Kick()
	After(next http.Handler) http.Handler
}

func boxes(p *provider.Provider) []box {
	if p.Mails == nil {
		return []box{p.Logouts}
	}
	return []box{p.Logouts, p.Mails}
}

// open opens the entrance to the provider once the database is ready. It fails as
// the context does when that ends before.
func (p *process) open(ctx context.Context, e *entrance, c *cleaner, before hook) (*provider.Provider, error) {
	if err := p.waitUntilPrepared(ctx, e); err != nil {
		return nil, err
	}
	handler, err := provider.New(provider.Deps{ //nolint:contextcheck // what it logs belongs to no request
		Config: p.config, Store: p.db, Keys: p.keys, Secrets: p.secrets, Hasher: p.hasher,
		Outbound: p.calls, Mail: p.mail, Log: p.log, Now: now, Dev: p.mode == config.Dev,
	})
	if err != nil {
		return nil, err
	}
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	h := c.after(handler)
	for _, box := range boxes(handler) {
		h = box.After(h)
	}
	e.open(h)
	p.log.InfoContext(ctx, "serving", slog.String("issuer", p.config.Issuer), slog.String("addr", p.config.HTTP.Addr))
	return handler, nil
}

// waitUntilPrepared waits for a database that does not answer. It fails with
// what waiting cannot mend.
func (p *process) waitUntilPrepared(ctx context.Context, e *entrance) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := p.prepare(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			return nil
		case errors.Is(err, errSample):
			return err
		case errors.Is(err, secret.ErrOpen):
			return fmt.Errorf("the database belongs to another secret, which must be given as GATELODGE_SECRET"+
				" or among GATELODGE_PREVIOUS_SECRETS: %w", err)
		}
		e.refuse()
		p.log.WarnContext(ctx, "the database is not ready",
			slog.String("error", err.Error()), slog.String("again_in", wait.String()))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// errSample reports a database that `gatelodge dev` has filled.
var errSample = errors.New("the database has sample clients or people of `gatelodge dev`, whose secrets and passwords" +
	" everybody knows: give production a database of its own, or delete them with: gatelodge client delete, gatelodge user delete")

// prepare brings the schema up to date, loads the keys, and makes sure that
// nothing of a development server is left in production.
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
	if err := p.keys.Load(ctx); err != nil {
		return err
	}
	if p.mode == config.Dev {
		return nil
	}
	sample, err := p.applier().HasDemo(ctx)
	if err == nil && sample {
		err = errSample
	}
	return err
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

// start serves on each listener until the server is shut down, by TLS if it has
// settings for that.
func start(s *http.Server, listeners []net.Listener, failed chan<- error) {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	for _, l := range listeners {
		go func() {
			if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
		}()
	}
}

// listen opens the address. localhost is both of its addresses, as far as the
// machine has them, and no other.
func listen(ctx context.Context, setting, addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var listeners []net.Listener
	for _, h := range hosts {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(h, port))
		switch {
		case err == nil:
			listeners = append(listeners, l)
		case h != "::1" || errors.Is(err, syscall.EADDRINUSE):
			return nil, errors.Join(fmt.Errorf("%s: cannot listen on %s: %w", setting, addr, err), closeAll(listeners))
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
