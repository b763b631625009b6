package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
)

// lookAgain is the least time between two looks at the certificate's files.
const lookAgain = time.Minute

// certificate is that of the public listener, read again when its files change:
// whoever renews it need not restart anything. Nobody looks while nobody calls.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time
	current           atomic.Pointer[tls.Certificate]

	mu       sync.Mutex // held while the files are looked at
	lookedAt time.Time
	seen     [2]fileState
	failure  string // of the last look, "" if none
}

// fileState tells whether a file has changed.
type fileState struct {
	changed time.Time
	size    int64
}

// loadCertificate returns the certificate of the settings, nil if they have none.
func loadCertificate(c config.HTTP, log *slog.Logger, now func() time.Time) (*certificate, error) {
	if c.TLSCertificate == "" {
		return nil, nil
	}
	loaded := &certificate{certFile: c.TLSCertificate, keyFile: c.TLSKey, log: log, now: now, lookedAt: now()}
	if err := loaded.read(); err != nil {
		return nil, fmt.Errorf("http.tls_certificate and http.tls_key: %w", err)
	}
	return loaded, nil
}

// read reads the files if they have changed since they were last read. What they
// have is good or the current certificate stays.
func (c *certificate) read() error {
	var seen [2]fileState
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		seen[i] = fileState{info.ModTime(), info.Size()}
	}
	if seen == c.seen {
		return nil
	}
	c.seen = seen
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&pair)
	return nil
}

// get returns the certificate for a handshake. One handshake a minute looks at
// the files, and none waits for it. Files that are broken are seen once: those
// that are being replaced will change again.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		if t := c.now(); t.Sub(c.lookedAt) >= lookAgain {
			c.lookedAt = t
			c.look(hello.Context())
		}
	}
	return c.current.Load(), nil
}

func (c *certificate) look(ctx context.Context) {
	before := c.seen
	err := c.read()
	switch {
	case err == nil && c.seen != before:
		c.log.InfoContext(ctx, "the TLS certificate was read again", slog.String("file", c.certFile))
	case err != nil && err.Error() != c.failure:
		c.log.ErrorContext(ctx, "the TLS certificate could not be read again, the old one stays",
			slog.String("file", c.certFile), slog.Any("error", err))
	}
	c.failure = ""
	if err != nil {
		c.failure = err.Error()
	}
}

// settings are TLS 1.3, and 1.2 with what has forward secrecy and authenticated
// encryption, [RFC 9325 §4.2].
//
// [RFC 9325 §4.2]: https://www.rfc-editor.org/rfc/rfc9325#section-4.2
func (c *certificate) settings() *tls.Config {
	return &tls.Config{
		GetCertificate: c.get,
		MinVersion:     tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
	}
}

// onlyTLS tells browsers never to come here without TLS, [RFC 6797]; but for this
// machine, where other programs are served under the same name.
//
// [RFC 6797]: https://www.rfc-editor.org/rfc/rfc6797#section-7.2
func onlyTLS(issuer string, next http.Handler) http.Handler {
	if u, err := url.Parse(issuer); err != nil || u.Hostname() == "localhost" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}
