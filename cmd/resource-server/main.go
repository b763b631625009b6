// Command resource-server is an API to try and to copy from: it accepts the
// access tokens of Gatelodge, with package resource, and tells a person who they
// are. It has no accounts and no sessions of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatelodge/gatelodge/resource"
)

type options struct {
	Addr        string `default:"127.0.0.1:8081" env:"SAMPLE_API_ADDR" help:"Where to listen."`
	Issuer      string `default:"http://localhost:8080" env:"SAMPLE_API_ISSUER" help:"The provider whose tokens to accept."`
	Audience    string `default:"http://127.0.0.1:8081" env:"SAMPLE_API_AUDIENCE" help:"The identifier of this API, which tokens must be for."`
	Scope       string `default:"profile.read" env:"SAMPLE_API_SCOPE" help:"The scope that tokens need."`
	DatabaseURL string `env:"DATABASE_URL" help:"The provider's Postgres, to read people from its view user_profiles. Without it they are asked of userinfo."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("resource-server"), kong.Description("An API that accepts Gatelodge's access tokens."))
	// The first signal asks to stop, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, o, log); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "resource-server:", err)
		os.Exit(1)
	}
}

// run serves the API until the context ends.
func run(ctx context.Context, o options, log *slog.Logger) error {
	h, stop, err := build(ctx, o, log)
	if err != nil {
		return err
	}
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return err // names the address
	}
	return serve(ctx, l, h)
}

// build returns the API, and what stops it. Neither the provider nor the
// database needs to be there yet.
func build(ctx context.Context, o options, log *slog.Logger) (h http.Handler, stop func(), err error) {
	verifier, err := resource.New(resource.Config{Issuer: o.Issuer, Audience: o.Audience, Log: log})
	if err != nil {
		return nil, nil, err
	}
	a := &api{verifier: verifier, scope: o.Scope, log: log}
	if o.DatabaseURL == "" {
		a.profile = userinfo{verifier.Metadata, newClient()}.profile
		return a.routes(), func() {}, nil
	}
	pool, err := connect(ctx, o.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	a.profile = database{pool}.profile
	return a.routes(), pool.Close, nil
}

// serve serves until the context ends, and then finishes what is under way.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(finish)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
