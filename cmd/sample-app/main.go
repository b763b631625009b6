// Command sample-app is a relying party to try and to copy from: a web app that
// signs people in with Gatelodge and calls an API with the access token. All it
// knows of the protocol is coreos/go-oidc and golang.org/x/oauth2.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Addr         string `default:"127.0.0.1:8082" env:"SAMPLE_APP_ADDR" help:"Where to listen."`
	URL          string `default:"http://127.0.0.1:8082" env:"SAMPLE_APP_URL" help:"Where browsers find the app."`
	Issuer       string `default:"http://localhost:8080" env:"SAMPLE_APP_ISSUER" help:"The provider."`
	ClientID     string `default:"sample-app" env:"SAMPLE_APP_CLIENT_ID" help:"Our client_id there."`
	ClientSecret string `default:"sample-app-demo-secret-not-for-production" env:"SAMPLE_APP_CLIENT_SECRET" help:"Our client secret there."`
	API          string `default:"http://127.0.0.1:8081" env:"SAMPLE_APP_API" help:"The API to call."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("sample-app"), kong.Description("A web app that signs people in with Gatelodge."))
	// The first signal asks to stop, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := serve(ctx, o); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "sample-app:", err)
		os.Exit(1)
	}
}

// serve runs the app until the context ends.
func serve(ctx context.Context, o options) error {
	server := &http.Server{
		Addr: o.Addr, Handler: newApp(o).routes(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err // names the address
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
