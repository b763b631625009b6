package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// suite is what all runs share: the relying party's server, and a provider for
// each profile.
type suite struct {
	server    *server
	providers map[string]*providertest.Provider
	// running bounds the runs at once: they all sign in as one person, and more
	// than ten attempts at a time look like guesses.
	running chan struct{}
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{server: newServer(t), providers: map[string]*providertest.Provider{}, running: make(chan struct{}, 8)}
	for _, m := range modules() {
		for plan := range strings.FieldsSeq(m.plans) {
			if s.providers[plan] == nil {
				s.providers[plan] = s.start(t)
			}
		}
	}
	return s
}

// start starts a provider with which clients register themselves, and which
// trusts the relying party's server. Its person has every standard claim.
func (s *suite) start(t *testing.T) *providertest.Provider {
	t.Helper()
	p := providertest.New(t, providertest.Options{TLS: true, Configure: func(c *config.Config) {
		c.Registration.Policy, c.Registration.PerNetwork = "open", 100_000
		c.Outbound = providertest.Outbound(t, s.server.Server)
	}})
	p.ChangeUser(t, func(u *storage.User) {
		u.Claims = storage.Claims{
			Name: "Alex Robin Sample", GivenName: "Alex", FamilyName: "Sample", MiddleName: "Robin",
			Nickname: "Al", PreferredUsername: "alex", Profile: "https://example.com/alex",
			Picture: "https://example.com/alex.png", Website: "https://alex.example.com",
			Email: providertest.Username, EmailVerified: true, Gender: "female", Birthdate: "1990-02-28",
			Zoneinfo: "Europe/Amsterdam", Locale: "en-GB",
			PhoneNumber: "+1 (555) 010-0000", PhoneNumberVerified: true,
			Address: &storage.Address{
				Formatted: "1 Sample Street\nSampleton 12345\nNetherlands", StreetAddress: "1 Sample Street",
				Locality: "Sampleton", Region: "Utrecht", PostalCode: "12345", Country: "NL",
			},
		}
	})
	return p
}

// run is one run of a module, in one variant.
type run struct {
	*testing.T
	variant
	suite *suite
	op    *providertest.Provider
	// metadata is what discovery has told, keys what is published.
	metadata map[string]any
	// rp is the run's place on the relying party's server.
	rp *place
	// browser is the person's.
	browser *browser
	// scope is what the clients ask for by default.
	scope string
}

// run begins a run as each does: what is discovered must be right.
func (s *suite) run(t *testing.T, plan string, v variant) *run {
	t.Helper()
	s.running <- struct{}{}
	t.Cleanup(func() { <-s.running })
	r := &run{T: t, variant: v, suite: s, rp: s.server.place(), scope: "openid"}
	r.useProvider(s.providers[plan])
	return r
}

// ownProvider gives the run a provider that no other run uses: one that waits so
// long that the codes of others would expire, or changes keys, needs it.
func (r *run) ownProvider() {
	r.Helper()
	r.useProvider(r.suite.start(r.T))
}

func (r *run) useProvider(p *providertest.Provider) {
	r.Helper()
	r.op, r.browser = p, newBrowser(r.T, p)
	r.metadata = r.discover()
	r.keys()
	if r.auth != "none" && !slices.Contains(r.listed("token_endpoint_auth_methods_supported"), r.auth) {
		r.Fatalf("token_endpoint_auth_methods_supported does not list %s", r.auth)
	}
}

// discover fetches the metadata, OpenID Connect Discovery §4.
func (r *run) discover() map[string]any {
	r.Helper()
	res := r.get(r.op.URL+"/.well-known/openid-configuration", "")
	if res.StatusCode != http.StatusOK || !isJSON(res) {
		r.Fatalf("discovery answers %d, %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	metadata := res.JSON(r)
	if metadata["issuer"] != r.op.URL {
		r.Fatalf("issuer is %v, want %s", metadata["issuer"], r.op.URL)
	}
	return metadata
}

// endpoint returns an address of the metadata.
func (r *run) endpoint(name string) string {
	r.Helper()
	address, _ := r.metadata[name].(string)
	if !strings.HasPrefix(address, "https://") {
		r.Fatalf("%s is %q", name, address)
	}
	return address
}

// listed returns a list of the metadata.
func (r *run) listed(name string) []string {
	r.Helper()
	return texts(r.metadata[name])
}

// texts returns the texts of a list in JSON.
func texts(list any) []string {
	values, _ := list.([]any)
	var all []string
	for _, value := range values {
		s, _ := value.(string)
		all = append(all, s)
	}
	return all
}

// keys fetches the published keys and checks them: OpenID Connect Core §10.1,
// RFC 7517 §4.5, RFC 7518 §6.3.2.
func (r *run) keys() jose.JSONWebKeySet {
	r.Helper()
	res := r.get(r.endpoint("jwks_uri"), "")
	var set jose.JSONWebKeySet
	var members struct{ Keys []map[string]any }
	if err := errors.Join(json.Unmarshal([]byte(res.Body), &set), json.Unmarshal([]byte(res.Body), &members)); err != nil {
		r.Fatalf("jwks_uri answers %d, %s: %v", res.StatusCode, res.Body, err)
	}
	if len(set.Keys) == 0 || len(set.Keys) != len(members.Keys) {
		r.Fatalf("%d keys of %d are of any use", len(set.Keys), len(members.Keys))
	}
	known := map[string]bool{}
	for i, key := range set.Keys {
		if key.KeyID == "" || known[key.KeyID] {
			r.Errorf("kid %q is not one key's", key.KeyID)
		}
		known[key.KeyID] = true
		if !key.Valid() || !key.IsPublic() || members.Keys[i]["d"] != nil || members.Keys[i]["k"] != nil {
			r.Errorf("key %s is not a valid public key", key.KeyID)
		}
		if key.Use != "enc" && (key.Use != "sig" || key.Algorithm == "") {
			r.Errorf("key %s is for %q with %q", key.KeyID, key.Use, key.Algorithm)
		}
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
			r.Errorf("key %s has %d bits", key.KeyID, public.N.BitLen())
		}
	}
	return set
}

// get fetches an address with an access token, none if "".
func (r *run) get(address, token string) providertest.Response {
	r.Helper()
	return r.call(http.MethodGet, address, token, "", nil)
}

// post sends a form, with an access token unless it is "".
func (r *run) post(address, token string, form url.Values) providertest.Response {
	r.Helper()
	return r.call(http.MethodPost, address, token, "application/x-www-form-urlencoded", []byte(form.Encode()))
}

// postJSON sends a document.
func (r *run) postJSON(address string, document any) providertest.Response {
	r.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		r.Fatal(err)
	}
	return r.call(http.MethodPost, address, "", "application/json", body)
}

func (r *run) call(method, address, token, contentType string, body []byte) providertest.Response {
	r.Helper()
	// What is cleaned up after a run is called for as well.
	request, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), method, address, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return providertest.Do(r, r.op.Client(), request)
}

func isJSON(res providertest.Response) bool {
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return mediaType == "application/json"
}

// key is the key of all clients, which takes a while to make.
var key = sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// jwks is the public part of a client's key as a document, under the kid.
func jwks(k *rsa.PrivateKey, kid string) map[string]any {
	return map[string]any{"keys": []any{jose.JSONWebKey{
		Key: k.Public(), KeyID: kid, Use: "sig", Algorithm: "RS256",
	}}}
}

func random() string { return rand.Text() }
