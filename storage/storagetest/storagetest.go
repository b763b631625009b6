// Package storagetest is the contract of package storage as tests: one suite,
// races included, that every engine passes; and the counter of round trips with
// which the budget of each endpoint is held.
package storagetest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatelodge/gatelodge/storage"
)

// now is the time of the requests in the tests: fixed, and far from the clock of
// any database, so that an engine that asks its own clock fails.
var now = time.Date(2031, 2, 3, 4, 5, 6, 789_000, time.UTC) //nolint:gochecknoglobals // a constant

// tests are named after the rule that they prove.
type tests map[string]func(*testing.T, *suite)

// Run proves that the stores which open returns fulfil the contract. Each is
// empty and of one test only; open sees to closing it.
func Run(t *testing.T, open func(*testing.T) storage.Store) {
	t.Helper()
	for _, group := range []tests{
		codes(), rotations(), assertions(), sessions(), logout(), registrations(),
		attempts(), records(), links(), factors(), changes(), account(), keys(), expiry(),
	} {
		run(t, group, open)
	}
}

// RunShort proves the most telling part of the contract: for one more way to
// reach an engine that passes the whole.
func RunShort(t *testing.T, open func(*testing.T) storage.Store) {
	t.Helper()
	run(t, codes(), open)
}

func run(t *testing.T, group tests, open func(*testing.T) storage.Store) {
	t.Helper()
	for name, test := range group {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newSuite(t, open(t)))
		})
	}
}

// suite is a store with a client and a user in it.
type suite struct {
	storage.Store
	client storage.Client
	user   storage.User
}

func newSuite(t *testing.T, store storage.Store) *suite {
	t.Helper()
	s := &suite{Store: store, client: newClient("client")}
	ok(t, s.SaveClient(t.Context(), s.client))
	s.user = s.newUser(t, "user")
	return s
}

// newUser saves a user, and returns it with its salt.
func (s *suite) newUser(t *testing.T, id string) storage.User {
	t.Helper()
	u := newUser(id)
	ok(t, s.SaveUser(t.Context(), u))
	saved, err := s.FindUser(t.Context(), id)
	ok(t, err)
	u.PairwiseSalt = saved.PairwiseSalt
	return u
}

func newClient(id string) storage.Client {
	return storage.Client{
		ID:         id,
		SecretHash: []byte("hash of the secret"),
		Metadata: storage.ClientMetadata{
			ClientName:   "Client " + id,
			RedirectURIs: []string{"https://client.example/callback"},
			JWKS:         []byte(`{"keys": []}`),
		},
		CreatedAt: now.Add(-time.Hour),
		UpdatedAt: now.Add(-time.Minute),
	}
}

func newUser(id string) storage.User {
	return storage.User{
		ID:           id,
		Identifiers:  []string{id, id + "@example.com"},
		PasswordHash: "$argon2id$of " + id,
		Claims: storage.Claims{
			Name: "Zoë " + id, Email: id + "@example.com", EmailVerified: true,
			Address: &storage.Address{Locality: "Köln"},
		},
		CreatedAt: now.Add(-time.Hour),
		UpdatedAt: now.Add(-time.Minute),
	}
}

func (s *suite) newGrant() *storage.Grant {
	return &storage.Grant{
		ID:        rand.Text(),
		ClientID:  s.client.ID,
		UserID:    s.user.ID,
		SessionID: "sid",
		Scopes:    []string{"openid", "offline_access"},
		Audience:  []string{"https://api.example"},
		AuthTime:  now.Add(-time.Minute),
		AMR:       []string{"pwd"},
		CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
		Subject:   "pairwise", SID: "sid of client", Claims: `{"id_token": {"auth_time": null}}`,
	}
}

func newCode(g *storage.Grant) *storage.Code {
	return &storage.Code{
		Hash:          storage.HashOf(rand.Text()),
		GrantID:       g.ID,
		RedirectURI:   "https://client.example/callback",
		CodeChallenge: "challenge",
		Nonce:         "nonce",
		CreatedAt:     now,
		ExpiresAt:     now.Add(time.Minute),
	}
}

func newRefresh(g *storage.Grant) *storage.RefreshToken {
	return &storage.RefreshToken{
		Hash:      storage.HashOf(rand.Text()),
		GrantID:   g.ID,
		Salt:      []byte("salt"),
		CreatedAt: now,
		ExpiresAt: now.Add(30 * time.Minute),
	}
}

func newAccess(g *storage.Grant) *storage.AccessToken {
	return &storage.AccessToken{
		Hash:      storage.HashOf(rand.Text()),
		GrantID:   g.ID,
		Scopes:    []string{"openid"},
		Audience:  []string{"https://api.example"},
		CreatedAt: now,
		ExpiresAt: now.Add(10 * time.Minute),
	}
}

func newSession(userID string) *storage.Session {
	return &storage.Session{
		ID:        rand.Text(),
		Hash:      storage.HashOf(rand.Text()),
		UserID:    userID,
		AuthTime:  now,
		AMR:       []string{"pwd"},
		CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
}

// write returns a Write with a key of its own.
func write(w storage.Write) storage.Write {
	w.Key = rand.Text()
	if w.Now.IsZero() {
		w.Now = now
	}
	return w
}

// apply performs the write, which must succeed.
func (s *suite) apply(t *testing.T, w storage.Write) {
	t.Helper()
	ok(t, s.Apply(t.Context(), write(w)))
}

// read returns what was found.
func (s *suite) read(t *testing.T, want storage.Wanted) storage.State {
	t.Helper()
	if want.Now.IsZero() {
		want.Now = now
	}
	state, err := s.Read(t.Context(), want)
	ok(t, err)
	return state
}

// race runs n attempts at once and counts those that succeed. The others must
// fail with the refusal.
func race(t *testing.T, n int, refusal error, attempt func(i int) error) (succeeded int) {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = attempt(i)
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case refusal == nil || !errors.Is(err, refusal):
			t.Errorf("got %v, want nil or %v", err, refusal)
		}
	}
	return succeeded
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.FilterValues(neitherEmpty, cmp.Comparer(sameJSON))); diff != "" {
		t.Fatalf("wrong result (-want +got):\n%s", diff)
	}
}

// sameJSON compares what an engine may keep in another form.
func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return bytes.Equal(a, b) ||
		json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && x.String() == y.String()
}

func neitherEmpty(a, b json.RawMessage) bool { return len(a) > 0 && len(b) > 0 }
