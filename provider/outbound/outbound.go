// Package outbound owns every call that the provider makes by itself, to
// addresses that clients register: jwks_uri, request_uri, sector_identifier_uri,
// logo_uri and backchannel_logout_uri. Whoever can register a client chooses
// them, so that the package decides where a call may lead, how long it may take
// and how much it may bring. It does not own what is in a document.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// What a call fails with. The text of an error names the host and the reason,
// for the log: it is not for whoever chose the address, who could learn from it
// what there is behind our firewall. No error has a URL's path or query, or
// anything of a body in it.
var (
	// ErrRefused reports an address that must not be called: by what it is, or
	// by where it leads to.
	ErrRefused = errors.New("must not be called")
	// ErrFailed reports a server that could not be reached or did not answer as
	// it should.
	ErrFailed = errors.New("did not answer as it should")
	// ErrBusy reports that we have too many calls under way: the fault is ours.
	ErrBusy = errors.New("was not called: too many calls are under way")
	// ErrClosed reports a call after [Client.Close].
	ErrClosed = errors.New("the provider is stopping")
)

const (
	// timeout is for a call as a whole, the wait for its turn included.
	timeout = 5 * time.Second
	// maxBody and maxHeader bound an answer.
	maxBody   = 256 << 10
	maxHeader = 16 << 10
)

// Config is whom to trust and where calls may lead. The zero value allows https
// to public addresses whose certificates the system's authorities vouch for.
type Config struct {
	// CAFile has further certificate authorities, in PEM; "" for none.
	CAFile string
	// Allow are the networks that are not public and may be called nevertheless.
	Allow []netip.Prefix
	// HTTP allows plain http, to the networks of Allow only.
	HTTP bool
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	Now      func() time.Time
}

// Client makes the calls. It keeps documents, shares what several wait for, and
// bounds what runs at once.
type Client struct {
	policy        policy
	secure, plain *http.Client
	timeout       time.Duration
	now           func() time.Time
	// Logouts wait apart, so that many of them do not hold up keys.
	fetches, posts *gate

	running sync.WaitGroup
	mu      sync.Mutex // guards what follows, and Add of running
	closed  bool
	entries map[string]*entry
	size    int // of all bodies
}

// New returns a client. It fails if the CA file cannot be read.
func New(c Config) (*Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if settings.RootCAs, err = Authorities(c.CAFile); err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	p := policy{allow: c.Allow, http: c.HTTP}
	return &Client{
		policy: p, timeout: timeout, now: c.Now,
		secure:  httpClient(c.Resolver, p.secure, settings),
		plain:   httpClient(c.Resolver, p.plain, settings),
		fetches: newGate(), posts: newGate(),
		entries: map[string]*entry{},
	}, nil
}

// Authorities returns those of the system and those of the file, or nil, which stands
// for those of the system, without one.
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return roots, nil
}

// Close refuses further calls and waits for those under way, which takes as long
// as a call at most.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.running.Wait()
	return nil
}

// begin announces a call, for Close to wait for; the caller must call
// c.running.Done.
func (c *Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.running.Add(1)
	return nil
}
