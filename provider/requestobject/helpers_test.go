package requestobject_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/requestobject"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

const issuer = "https://login.example"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// signers are the keys of the clients, which take a while to make.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	two, err2 := rsa.GenerateKey(rand.Reader, 2048)
	three, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, four, err4 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{"RS256": one, "PS256": two, "ES256": three, "EdDSA": four}
})

// fixture is a resolver and a client that signs.
type fixture struct {
	*requestobject.Resolver
	client *storage.Client

	mu    sync.Mutex
	now   time.Time
	calls int
	site  string // the client's
	// document is what is at its /request.jwt.
	document string
}

func (f *fixture) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// serve puts a document at the client's address /request.jwt.
func (f *fixture) serve(document string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.document = document
}

func (f *fixture) fetched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if r.URL.Path != "/request.jwt" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
	_, _ = w.Write([]byte(f.document))
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := &fixture{now: start}
	site := httptest.NewServer(f)
	f.site = site.URL
	calls, err := outbound.New(outbound.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, HTTP: true, Now: f.Now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	f.Resolver = &requestobject.Resolver{
		Issuer: issuer, ClientKeys: client.NewKeys(calls), Keys: newRing(tb, f.Now), Outbound: calls, Now: f.Now,
	}
	f.client = &storage.Client{ID: "web", Metadata: storage.ClientMetadata{JWKS: keySet(tb)}}
	tb.Cleanup(func() {
		_ = calls.Close()
		site.Close()
	})
	return f
}

func newRing(tb testing.TB, now func() time.Time) *keys.Ring {
	tb.Helper()
	db, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "keys.db"))
	if err != nil {
		tb.Fatal(err)
	}
	secrets, err := secret.New(providertest.MasterSecret)
	if err != nil {
		tb.Fatal(err)
	}
	ring := keys.New(keys.Config{}, db, secrets, now, slog.New(slog.DiscardHandler))
	tb.Cleanup(func() { _ = errors.Join(ring.Close(), db.Close()) })
	if err := errors.Join(db.Migrate(tb.Context()), ring.Load(tb.Context())); err != nil {
		tb.Fatal(err)
	}
	return ring
}

// keySet are the public keys, each with its algorithm for its kid.
func keySet(tb testing.TB) json.RawMessage {
	tb.Helper()
	var set jose.JSONWebKeySet
	for alg, key := range signers() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), Algorithm: alg, KeyID: alg, Use: "sig"})
	}
	encoded, err := json.Marshal(set)
	if err != nil {
		tb.Fatal(err)
	}
	return encoded
}

// claims are those of a good object, with changes: names and values, nil takes one
// away.
func claims(changes ...any) map[string]any {
	all := map[string]any{
		"iss": "web", "aud": issuer, "client_id": "web", "response_type": "code", "scope": "openid",
		"redirect_uri": providertest.RedirectURI,
	}
	for i := 0; i < len(changes); i += 2 {
		name, _ := changes[i].(string)
		if changes[i+1] == nil {
			delete(all, name)
		} else {
			all[name] = changes[i+1]
		}
	}
	return all
}

// sign signs as the client does. The claims can be JSON as it is.
func sign(tb testing.TB, alg string, claims any, header map[string]any) string {
	tb.Helper()
	all := map[string]any{"kid": alg}
	maps.Copy(all, header)
	return providertest.SignJWT(tb, alg, signers()[alg], claims, all)
}

// encrypt encrypts a signed object to the provider.
func (f *fixture) encrypt(tb testing.TB, alg, enc, content string) string {
	tb.Helper()
	body, _ := f.Keys.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		tb.Fatal(err)
	}
	for _, key := range set.Keys {
		_, isRSA := key.Key.(*rsa.PublicKey)
		if key.Use != "enc" || isRSA != (alg[0] == 'R') {
			continue
		}
		options := (&jose.EncrypterOptions{}).WithContentType("JWT").WithType("oauth-authz-req+jwt")
		encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc),
			jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Key, KeyID: key.KeyID}, options)
		if err != nil {
			tb.Fatal(err)
		}
		jwe, err := encrypter.Encrypt([]byte(content))
		if err != nil {
			tb.Fatal(err)
		}
		compact, err := jwe.CompactSerialize()
		if err != nil {
			tb.Fatal(err)
		}
		return compact
	}
	tb.Fatalf("no key is published for %s", alg)
	return ""
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// byValue is a request with an object, and parameters beside it.
func byValue(object string, beside ...string) url.Values {
	form := url.Values{"client_id": {"web"}, "request": {object}}
	for i := 0; i < len(beside); i += 2 {
		form.Set(beside[i], beside[i+1])
	}
	return form
}

func byReference(uri string) url.Values {
	return url.Values{"client_id": {"web"}, "request_uri": {uri}}
}

// resolves is the parameters that must come out.
func (f *fixture) resolves(tb testing.TB, form url.Values) url.Values {
	tb.Helper()
	got, err := f.Resolve(tb.Context(), f.client, form)
	if err != nil {
		tb.Errorf("%v: %v", form, err)
	}
	return got
}

// refuses checks the error.
func (f *fixture) refuses(tb testing.TB, form url.Values, want oauth.Code) {
	tb.Helper()
	got, err := f.Resolve(tb.Context(), f.client, form)
	e, ok := errors.AsType[*oauth.Error](err)
	if !ok || e.Code != want || got != nil {
		tb.Errorf("%v, %v, want %s", got, err, want)
	}
}
