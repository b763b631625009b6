package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// How long keys are kept: as the issuer says, within these bounds.
	defaultMaxAge = 5 * time.Minute
	leastMaxAge   = time.Minute
	mostMaxAge    = time.Hour
	// maxStale is how long keys are used while the issuer cannot be reached.
	// By then its last token has expired.
	maxStale = 24 * time.Hour

	// The least time between two fetches, whatever tokens are presented: once
	// there are keys, and before.
	fetchGap      = 10 * time.Second
	firstFetchGap = time.Second

	fetchTimeout = 5 * time.Second
	maxResponse  = 256 << 10 // bytes
)

// Metadata is what an issuer publishes of itself, as far as an API needs it:
// [OpenID Connect Discovery §3].
//
// [OpenID Connect Discovery §3]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
type Metadata struct {
	Issuer           string `json:"issuer"`
	JWKSURI          string `json:"jwks_uri"`
	UserinfoEndpoint string `json:"userinfo_endpoint"`
}

// issuer knows the issuer's metadata and keys, and keeps them fresh.
type issuer struct {
	id     string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	known   *published
	flight  chan struct{} // closed when the fetch under way ends; nil if there is none
	triedAt time.Time
	err     error // of the last fetch
}

// published is what one fetch brought. It does not change.
type published struct {
	metadata  Metadata
	keys      map[string]jose.JSONWebKey
	fetchedAt time.Time
	expiresAt time.Time
}

// key returns the key with the id.
func (i *issuer) key(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	p, err := i.published(ctx, func(p *published) bool { _, ok := p.keys[kid]; return ok })
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	return p.keys[kid], nil
}

// metadata returns the metadata.
func (i *issuer) metadata(ctx context.Context) (Metadata, error) {
	p, err := i.published(ctx, func(*published) bool { return true })
	if err != nil {
		return Metadata{}, err
	}
	return p.metadata, nil
}

// published returns what the issuer publishes, if it has what is wanted. It
// fetches when nothing is known, when it has expired, and when what is wanted
// is missing.
func (i *issuer) published(ctx context.Context, has func(*published) bool) (*published, error) {
	i.mu.Lock()
	known, now := i.known, i.now()
	i.mu.Unlock()
	usable := known != nil && has(known) && now.Before(known.fetchedAt.Add(maxStale))
	if usable && now.Before(known.expiresAt) {
		return known, nil
	}
	known, err := i.refresh(ctx, now, !usable)
	switch {
	case known != nil && has(known) && now.Before(known.fetchedAt.Add(maxStale)):
		return known, nil
	case err != nil:
		return nil, unavailable(err)
	default:
		return nil, errKey
	}
}

// refresh fetches, unless someone else does or just did, and returns what is
// then known and the error of the last fetch. Who can do without, does not
// wait for someone else's.
func (i *issuer) refresh(ctx context.Context, now time.Time, wait bool) (*published, error) {
	flight, mine := i.board(now)
	switch {
	case mine:
		i.fly(ctx, now, flight)
	case flight != nil && wait:
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.known, i.err
}

// board returns the fetch under way, nil if there is to be none, and whether it
// is the caller's to carry out.
func (i *issuer) board(now time.Time) (flight chan struct{}, mine bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.flight != nil {
		return i.flight, false
	}
	gap := fetchGap
	if i.known == nil {
		gap = firstFetchGap
	}
	if now.Sub(i.triedAt) < gap {
		return nil, false
	}
	i.flight, i.triedAt = make(chan struct{}), now
	return i.flight, true
}

// fly carries out a fetch. Others wait for it, so the end of the request that it
// serves does not end it, and a client that panics does not leave them waiting.
func (i *issuer) fly(ctx context.Context, now time.Time, flight chan struct{}) {
	p, err := (*published)(nil), errors.New("the HTTP client panicked")
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if err == nil {
			i.known = p
		}
		i.err, i.flight = err, nil
		close(flight)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	if p, err = i.fetch(ctx, now); err != nil {
		i.log.WarnContext(ctx, "the issuer's keys could not be fetched",
			slog.String("issuer", i.id), slog.Any("error", err))
	}
}

// fetch gets the metadata and then the keys.
func (i *issuer) fetch(ctx context.Context, now time.Time) (*published, error) {
	p := &published{fetchedAt: now}
	from := strings.TrimSuffix(i.id, "/") + "/.well-known/openid-configuration"
	if _, err := i.get(ctx, from, &p.metadata); err != nil {
		return nil, err
	}
	if p.metadata.Issuer != i.id { // OpenID Connect Discovery §4.3: identical
		return nil, fmt.Errorf("%s is the metadata of issuer %q", from, p.metadata.Issuer)
	}
	if err := checkURL(p.metadata.JWKSURI); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	header, err := i.get(ctx, p.metadata.JWKSURI, &set)
	if err != nil {
		return nil, err
	}
	p.keys = usableKeys(set.Keys)
	p.expiresAt = now.Add(maxAge(header))
	return p, nil
}

// usableKeys returns the public signature keys that have an id. Others are
// ignored, [RFC 7517 §5].
//
// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func usableKeys(set []json.RawMessage) map[string]jose.JSONWebKey {
	keys := make(map[string]jose.JSONWebKey, len(set))
	for _, raw := range set {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			continue
		}
		if key.KeyID != "" && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys[key.KeyID] = key
		}
	}
	return keys
}

// get fetches a JSON document.
func (i *issuer) get(ctx context.Context, from string, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", from, err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := i.client.Do(req)
	if err != nil {
		return nil, err // names the URL
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: status %d", from, res.StatusCode)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, res.Body, maxResponse))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", from, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", from, err)
	}
	return res.Header, nil
}

// maxAge returns how long the response may be kept, [RFC 9111 §5.2.2.1].
//
// [RFC 9111 §5.2.2.1]: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1
func maxAge(h http.Header) time.Duration {
	age := defaultMaxAge
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		if name == "no-store" || name == "no-cache" {
			return leastMaxAge
		}
		// Beyond an int32 is beyond the bounds as well.
		if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && name == "max-age" {
			age = time.Duration(seconds) * time.Second
		}
	}
	if seconds, err := strconv.ParseInt(h.Get("Age"), 10, 32); err == nil {
		age -= time.Duration(seconds) * time.Second
	}
	return min(max(age, leastMaxAge), mostMaxAge)
}

// httpClient returns a copy of the client that follows no redirect.
func httpClient(c *http.Client) *http.Client {
	client := http.Client{}
	if c != nil {
		client = *c
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}
