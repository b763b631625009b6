// Package resource lets an API accept the access tokens of an OpenID Connect
// provider such as Gatelodge: JSON Web Tokens as [RFC 9068] profiles them. It
// verifies them on the spot, with the provider's published keys, so that no
// request of the API costs a request to the provider.
//
// It does not ask the provider whether a token was revoked: one is good until
// it expires. It starts no goroutine and needs no closing.
//
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var (
	// ErrInvalid reports a token that this API does not accept.
	ErrInvalid = errors.New("invalid access token")
	// ErrUnavailable reports that the issuer's keys could not be had, so that
	// nothing can be said of the token.
	ErrUnavailable = errors.New("the issuer's keys are unavailable")
)

// Config describes the API and the issuer that it trusts.
type Config struct {
	// Issuer is the provider's issuer identifier, exactly as it publishes it.
	// It is an https URL, or http on a loopback address.
	Issuer string
	// Audience is the identifier of this API: tokens must name it in aud.
	Audience string
	// Algorithms are the signature algorithms to accept, by default ES256,
	// RS256, PS256 and EdDSA. Symmetric ones and "none" cannot be.
	Algorithms []string
	// Leeway is how far the issuer's clock may be off: 30 seconds if 0.
	Leeway time.Duration
	// HTTPClient fetches the keys; its redirect policy is not used. Nil means
	// one with [http.DefaultTransport].
	HTTPClient *http.Client
	// Log is told when keys cannot be fetched. Nil means no one is.
	Log *slog.Logger
	// Now is the clock: [time.Now] if nil.
	Now func() time.Time
}

// Verifier accepts and refuses access tokens. It is safe for concurrent use.
type Verifier struct {
	audience   string
	algorithms []jose.SignatureAlgorithm
	leeway     time.Duration
	now        func() time.Time
	issuer     *issuer
}

// New returns a verifier. It contacts the issuer only when the first token is
// presented, so that an API may start before its provider.
func New(c Config) (*Verifier, error) {
	if err := checkURL(c.Issuer); err != nil {
		return nil, fmt.Errorf("resource: issuer: %w", err)
	}
	if c.Audience == "" {
		return nil, errors.New("resource: audience: is missing")
	}
	algorithms, err := signatureAlgorithms(c.Algorithms)
	if err != nil {
		return nil, err
	}
	if c.Leeway == 0 {
		c.Leeway = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the default of the field
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Verifier{
		audience:   c.Audience,
		algorithms: algorithms,
		leeway:     c.Leeway,
		now:        c.Now,
		issuer:     &issuer{id: c.Issuer, client: httpClient(c.HTTPClient), log: c.Log, now: c.Now},
	}, nil
}

// checkURL accepts https, and http where nobody is on the way.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(s, "?#"):
		return fmt.Errorf("%q is not an absolute URL without query and fragment", s)
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("%q must be https", s)
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func signatureAlgorithms(names []string) ([]jose.SignatureAlgorithm, error) {
	if len(names) == 0 {
		names = []string{"ES256", "RS256", "PS256", "EdDSA"}
	}
	algorithms := make([]jose.SignatureAlgorithm, len(names))
	for i, name := range names {
		switch alg := jose.SignatureAlgorithm(name); alg {
		case jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
			jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
			algorithms[i] = alg
		default:
			return nil, fmt.Errorf("resource: algorithms: %q is not an asymmetric signature algorithm", name)
		}
	}
	return algorithms, nil
}

// Metadata returns what the issuer says of itself. It fails with
// ErrUnavailable.
func (v *Verifier) Metadata(ctx context.Context) (Metadata, error) {
	return v.issuer.metadata(ctx)
}
