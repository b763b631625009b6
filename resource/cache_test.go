package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/resource"
)

// Many requests at once on a cold API cost one fetch.
func TestKeysAreFetchedOnce(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := i.fetches.Load(); got != 1 {
		t.Errorf("%d fetches", got)
	}
}

// RFC 9111 §5.2.2: for as long as the issuer says, within bounds.
func TestKeysAreCachedAsTheIssuerSays(t *testing.T) {
	t.Parallel()
	for cacheControl, want := range map[string]time.Duration{
		"public, max-age=600": 10 * time.Minute,
		"":                    5 * time.Minute,
		"no-store":            time.Minute,
		"max-age=1":           time.Minute,
		"max-age=31536000":    time.Hour,
		"Max-Age=abc":         5 * time.Minute,
	} {
		i := newIssuer(t)
		i.cacheControl = cacheControl
		v := i.verifier(t)
		raw := i.publish(t, jose.ES256).sign(t, i.claims(map[string]any{"exp": start.Add(24 * time.Hour).Unix()}), nil)
		verify := func() int64 {
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			return i.fetches.Load()
		}
		verify()
		i.clock.Advance(want - time.Millisecond)
		if got := verify(); got != 1 {
			t.Errorf("%q: fetched within %v", cacheControl, want)
		}
		i.clock.Advance(time.Millisecond)
		if got := verify(); got != 2 {
			t.Errorf("%q: not fetched after %v", cacheControl, want)
		}
	}
}

// A key that the issuer added is found at once; random kids cost no more than
// one fetch in ten seconds.
func TestUnknownKidFetchesAreBounded(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v, old := i.verifier(t), i.publish(t, jose.ES256)
	if _, err := v.Verify(t.Context(), old.sign(t, i.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	i.clock.Advance(10 * time.Second)
	if _, err := v.Verify(t.Context(), i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)); err != nil {
		t.Errorf("new key: %v", err)
	}
	i.clock.Advance(10 * time.Second)
	before := i.fetches.Load()
	var wg sync.WaitGroup
	for n := range 100 {
		raw := old.sign(t, i.claims(nil), map[string]any{"kid": fmt.Sprint(n)})
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), raw); !errors.Is(err, resource.ErrInvalid) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := i.fetches.Load() - before; got != 1 {
		t.Errorf("%d fetches for random kids", got)
	}
}

// The issuer's outage is not the API's: known keys are used, for a day. What
// cannot be told is not refused.
func TestKnownKeysOutlastTheIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v, key := i.verifier(t), i.publish(t, jose.ES256)
	raw := key.sign(t, i.claims(map[string]any{"exp": start.Add(72 * time.Hour).Unix()}), nil)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	i.down(true)
	i.clock.Advance(23 * time.Hour)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("known key: %v", err)
	}
	for range 2 {
		_, err := v.Verify(t.Context(), key.sign(t, i.claims(nil), map[string]any{"kid": "x"}))
		if !errors.Is(err, resource.ErrUnavailable) || errors.Is(err, resource.ErrInvalid) {
			t.Errorf("unknown key: %v", err)
		}
	}
	i.clock.Advance(time.Hour)
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, resource.ErrUnavailable) {
		t.Errorf("known key after a day: %v", err)
	}
	i.down(false)
	i.clock.Advance(10 * time.Second)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

// A key that the issuer withdrew is no longer accepted once its time is over.
func TestWithdrawnKeyIsRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	i.set(func() { i.keys = nil })
	i.clock.Advance(5 * time.Minute)
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, resource.ErrInvalid) {
		t.Errorf("withdrawn key: %v", err)
	}
}

// RFC 7517 §5: other keys in the set are ignored, not fatal.
func TestUnusableKeysAreIgnored(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	key, encryption, leaked := newKey(t, jose.ES256), newKey(t, jose.ES256), newKey(t, jose.ES256)
	encJWK := encryption.jwk()
	encJWK.Use = "enc"
	privateJWK := leaked.jwk()
	privateJWK.Key = leaked.private
	i.keys = []any{
		map[string]any{"kty": "future", "kid": "f"},
		map[string]any{"kty": "oct", "kid": "o", "k": "c2VjcmV0"},
		"nonsense", encJWK, privateJWK, key.jwk(),
	}
	v := i.verifier(t)
	if _, err := v.Verify(t.Context(), key.sign(t, i.claims(nil), nil)); err != nil {
		t.Error(err)
	}
	for name, unusable := range map[string]*signer{"key for encryption": encryption, "private key": leaked} {
		if _, err := v.Verify(t.Context(), unusable.sign(t, i.claims(nil), nil)); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// OpenID Connect Discovery §4.3, and what an issuer could do to an API.
func TestHostileIssuerIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testIssuer){
		"another issuer":   func(i *testIssuer) { i.metadata["issuer"] = i.URL + "/" },
		"no jwks_uri":      func(i *testIssuer) { delete(i.metadata, "jwks_uri") },
		"jwks_uri in http": func(i *testIssuer) { i.metadata["jwks_uri"] = "http://keys.example/" },
		"jwks_uri a file":  func(i *testIssuer) { i.metadata["jwks_uri"] = "file:///etc/passwd" },
		"redirect": func(i *testIssuer) {
			i.handler = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks", http.StatusFound) }
		},
		"endless": func(i *testIssuer) {
			i.handler = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"x":%q}`, i.URL, strings.Repeat("x", 256<<10))
			}
		},
		"not JSON": func(i *testIssuer) {
			i.handler = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }
		},
	} {
		i := newIssuer(t)
		raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
		i.set(func() { prepare(i) })
		if _, err := i.verifier(t).Verify(t.Context(), raw); !errors.Is(err, resource.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The end of the request that fetches does not end the fetch for the others.
func TestCancelledRequestDoesNotCancelTheFetch(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, raw); err != nil {
		t.Error(err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	i.down(true)
	if _, err := v.Metadata(t.Context()); !errors.Is(err, resource.ErrUnavailable) {
		t.Error(err)
	}
	i.down(false)
	i.clock.Advance(time.Second)
	got, err := v.Metadata(t.Context())
	if err != nil || got.UserinfoEndpoint != i.URL+"/userinfo" {
		t.Errorf("%+v, %v", got, err)
	}
}
