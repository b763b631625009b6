package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

// The API serves while the provider is not there, and stops when it is asked to.
func TestServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	h, closeAPI, err := build(t.Context(), options{Issuer: "http://127.0.0.1:1", Audience: "x"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAPI()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, h) }()

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("health: %d", res.StatusCode)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]options{
		`resource: issuer: "http://login.example" must be https`: {Issuer: "http://login.example", Audience: "x"},
		"DATABASE_URL is not a Postgres URL":                     {Issuer: "https://login.example", Audience: "x", DatabaseURL: "postgres://a:secret@[/x"},
		"listen tcp 192.0.2.1:1: bind: cannot assign requested address": {
			Issuer: "https://login.example", Audience: "x", Addr: "192.0.2.1:1",
		},
	} {
		if err := run(t.Context(), o, slog.New(slog.DiscardHandler)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
