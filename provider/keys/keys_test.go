package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that the test sets.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// watched is a store that counts reads and fails when told to.
type watched struct {
	Store
	reads atomic.Int64
	down  atomic.Bool
	hangs atomic.Pointer[chan struct{}] // until it is closed
}

var errDown = errors.New("database is down")

func (w *watched) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	w.reads.Add(1)
	if hangs := w.hangs.Load(); hangs != nil {
		<-*hangs
	}
	if w.down.Load() {
		return nil, errDown
	}
	return w.Store.SigningKeys(ctx)
}

func secrets(tb testing.TB, current string, previous ...string) *secret.Keys {
	tb.Helper()
	s, err := secret.New(current, previous...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const masterSecret = "a master secret of 32 bytes or more"

// newRing returns a ring that has loaded.
func newRing(tb testing.TB, cfg Config, store Store, c *clock) *Ring {
	tb.Helper()
	r := New(cfg, store, secrets(tb, masterSecret), c.Now, slog.New(slog.DiscardHandler))
	if err := r.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

func sign(tb testing.TB, r *Ring, alg string) string {
	tb.Helper()
	token, err := r.Sign(tb.Context(), alg, "at+jwt", map[string]string{"sub": "ada"})
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// list returns the stored keys to sign with.
func list(tb testing.TB, r *Ring) []Key {
	tb.Helper()
	all, err := r.List(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(all, func(k Key) bool { return k.Use != "sig" })
}

// published returns the kids of the keys to verify with.
func published(tb testing.TB, r *Ring) []string {
	tb.Helper()
	body, _ := r.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		tb.Fatal(err)
	}
	var kids []string
	for _, k := range set.Keys {
		if k.Use == "sig" {
			kids = append(kids, k.KeyID)
		}
	}
	return kids
}

func kidOf(tb testing.TB, token string) string {
	tb.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA})
	if err != nil {
		tb.Fatal(err)
	}
	return jws.Signatures[0].Protected.KeyID
}

func rotate(tb testing.TB, r *Ring) Key {
	tb.Helper()
	k, err := r.Rotate(tb.Context(), "ES256")
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

var es256 = Config{Algorithms: []string{"ES256"}}

// OpenID Connect Core §10.1.1: the signer publishes a key before it uses it.
func TestKeyIsPublishedBeforeItSigns(t *testing.T) {
	t.Parallel()
	c := &clock{}
	r := newRing(t, es256, newStore(t), c)
	first := kidOf(t, sign(t, r, "ES256"))

	next := rotate(t, r)
	if next.State != Next || !next.ActiveAt.Equal(start.Add(publishAhead)) {
		t.Errorf("rotated key is %+v", next)
	}
	if got := published(t, r); !slices.Contains(got, next.ID) {
		t.Errorf("published %v, want %s among them", got, next.ID)
	}
	c.Advance(publishAhead - time.Microsecond)
	if got := kidOf(t, sign(t, r, "ES256")); got != first {
		t.Errorf("before its time, the next key signed")
	}
	c.Advance(time.Microsecond)
	if got := kidOf(t, sign(t, r, "ES256")); got != next.ID {
		t.Errorf("signed with %s, want the next key", got)
	}
}

// What the previous key signed is verified until its tokens have expired.
func TestPreviousKeyIsPublishedUntilItsTokensExpire(t *testing.T) {
	t.Parallel()
	c := &clock{}
	store := newStore(t)
	r := newRing(t, es256, store, c)
	token := sign(t, r, "ES256")
	first := kidOf(t, token)
	rotate(t, r)

	c.Advance(publishAhead + DefaultKeepAfter - time.Microsecond)
	if _, err := r.Verify(t.Context(), token, "at+jwt"); err != nil {
		t.Errorf("within KeepAfter: %v", err)
	}
	if got := published(t, r); !slices.Contains(got, first) {
		t.Errorf("published %v, want %s among them", got, first)
	}
	c.Advance(time.Minute)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(t.Context(), token, "at+jwt"); !errors.Is(err, ErrInvalid) {
		t.Errorf("after KeepAfter: %v", err)
	}
	if got := list(t, r); len(got) != 1 {
		t.Errorf("stored keys %v, want the new one alone", got)
	}
}

// Nothing usable is in a database dump.
func TestPrivateKeysAreSealedAtRest(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	r := newRing(t, Config{Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"}}, store, &clock{})
	records, err := store.SigningKeys(t.Context())
	if err != nil || len(records) != 6 {
		t.Fatal(len(records), err)
	}
	for _, record := range records {
		pkcs8, err := r.seal.Open(record.SealedKey, bound(record.Algorithm, record.ID))
		if err != nil {
			t.Fatal(err)
		}
		scalar := pkcs8[len(pkcs8)-32:]
		if bytes.Contains(record.SealedKey, scalar) || bytes.Contains(record.PublicJWK, scalar) {
			t.Errorf("%s: part of the private key is in the row", record.Algorithm)
		}
		var jwk map[string]any
		if err := json.Unmarshal(record.PublicJWK, &jwk); err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, ok := jwk[private]; ok {
				t.Errorf("%s: the public key has a member %q", record.Algorithm, private)
			}
		}
	}
}

// RFC 7638: the kid is the thumbprint, and everything published is for signing.
func TestPublishedKeysVerifyWithGoJose(t *testing.T) {
	t.Parallel()
	algs := []string{"RS256", "PS256", "ES256", "EdDSA"}
	r := newRing(t, Config{Algorithms: algs}, newStore(t), &clock{})
	body, _ := r.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	for _, alg := range algs {
		jws, err := jose.ParseSignedCompact(sign(t, r, alg), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		header := jws.Signatures[0].Protected
		if header.ExtraHeaders[jose.HeaderType] != "at+jwt" {
			t.Errorf("%s: typ %v", alg, header.ExtraHeaders[jose.HeaderType])
		}
		jwk := set.Key(header.KeyID)[0]
		if jwk.Algorithm != alg || jwk.Use != "sig" || !jwk.IsPublic() {
			t.Errorf("published as %s %s", jwk.Algorithm, jwk.Use)
		}
		payload, err := jws.Verify(jwk)
		if err != nil || string(payload) != `{"sub":"ada"}` {
			t.Errorf("%s: %s, %v", alg, payload, err)
		}
	}
}

// Several nodes that start at once end with one key an algorithm.
func TestNodesThatStartAtOnceShareTheirFirstKeys(t *testing.T) {
	t.Parallel()
	store, c := newStore(t), &clock{}
	rings := make([]*Ring, 4)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			rings[i] = New(es256, store, secrets(t, masterSecret), c.Now, slog.New(slog.DiscardHandler))
			if err := rings[i].Load(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := rings[0].List(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("keys %v, %v, want three", all, err)
	}
	first := list(t, rings[0])
	if len(first) != 1 || first[0].State != Active {
		t.Fatalf("keys %v, want one, active", first)
	}
	for _, r := range rings {
		if diff := cmp.Diff([]string{first[0].ID}, published(t, r)); diff != "" {
			t.Error(diff)
		}
	}
}

// Rotation needs no restart: other nodes notice while in use.
func TestRotationIsSeenByAnotherNode(t *testing.T) {
	t.Parallel()
	store, c := newStore(t), &clock{}
	here, there := newRing(t, es256, store, c), newRing(t, es256, store, c)
	next := rotate(t, here)

	c.Advance(refreshAfter)
	sign(t, there, "ES256")
	there.reloads.Wait()
	if there.current.Load().find(next.ID) == nil {
		t.Error("not noticed by who signs")
	}
}

// OpenID Connect Core §10.1.1: who fetches the JWK Set after a rotation sees the new
// key, on every node. However many fetch it, the database is asked once a second.
func TestJWKSShowsARotationWithinASecond(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	here, there := newRing(t, es256, store, c), newRing(t, es256, store, c)
	_, before := there.JWKS()
	next := rotate(t, here)
	read := store.reads.Load()
	c.Advance(reloadGap)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if got := published(t, there); !slices.Contains(got, next.ID) {
				t.Errorf("published %v, want %s among them", got, next.ID)
			}
		})
	}
	wg.Wait()
	if _, etag := there.JWKS(); etag == before {
		t.Error("the entity tag did not change")
	}
	c.Advance(reloadGap - time.Microsecond)
	there.JWKS()
	if got := store.reads.Load() - read; got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
}

// A database that does not answer holds up no fetch of the JWK Set for long.
func TestJWKSNeedsNoDatabaseToAnswer(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	r := newRing(t, es256, store, c)
	release := make(chan struct{})
	store.hangs.Store(&release)
	c.Advance(reloadGap)
	for range 2 { // the second finds the look of the first
		began := time.Now()
		if got := published(t, r); len(got) != 1 {
			t.Errorf("published %v", got)
		}
		if took := time.Since(began); took > 3*glance {
			t.Errorf("took %s", took)
		}
	}
	close(release)
}

// Keys older than MaxAge are not used before the database has been asked.
func TestIdleNodeLooksBeforeItSignsOrPublishes(t *testing.T) {
	t.Parallel()
	store, c := newStore(t), &clock{}
	here, there := newRing(t, es256, store, c), newRing(t, es256, store, c)
	next := rotate(t, here)
	c.Advance(24 * time.Hour)
	if got := kidOf(t, sign(t, there, "ES256")); got != next.ID {
		t.Errorf("signed with %s, want the next key", got)
	}
	c.Advance(24 * time.Hour)
	if got := published(t, there); !cmp.Equal(got, []string{next.ID}) {
		t.Errorf("published %v, want %s alone", got, next.ID)
	}
}

// A token of a key that another node made just now is looked for.
func TestUnknownKidLoadsTheKeysOnce(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	there := newRing(t, es256, store, c)
	here := newRing(t, Config{Algorithms: []string{"ES256", "EdDSA"}}, store, c)
	if _, err := there.Verify(t.Context(), sign(t, here, "EdDSA"), "at+jwt"); err != nil {
		t.Fatal(err)
	}

	stranger := newRing(t, es256, newStore(t), c)
	token := sign(t, stranger, "ES256")
	before := store.reads.Load()
	for range 100 {
		if _, err := there.Verify(t.Context(), token, "at+jwt"); !errors.Is(err, ErrInvalid) {
			t.Fatalf("unknown kid: %v", err)
		}
	}
	c.Advance(reloadGap)
	for range 100 {
		_, _ = there.Verify(t.Context(), token, "at+jwt")
	}
	if got := store.reads.Load() - before; got != 1 {
		t.Errorf("%d reads in %v, want 1", got, reloadGap)
	}
}

// What is in memory outlasts the database; not to know is not to refuse.
func TestOutageIsNotARefusal(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	r := newRing(t, es256, store, c)
	stranger := sign(t, newRing(t, es256, newStore(t), c), "ES256")
	store.down.Store(true)
	c.Advance(time.Hour)

	if _, err := r.Verify(t.Context(), sign(t, r, "ES256"), "at+jwt"); err != nil {
		t.Errorf("known key: %v", err)
	}
	if got := published(t, r); len(got) != 1 {
		t.Errorf("published %v", got)
	}
	for range 2 { // the second finds the look of the first
		_, err := r.Verify(t.Context(), stranger, "at+jwt")
		if !errors.Is(err, errDown) || errors.Is(err, ErrInvalid) {
			t.Errorf("unknown key: %v", err)
		}
	}
	if _, err := r.Verify(t.Context(), "not.a.token", "at+jwt"); !errors.Is(err, ErrInvalid) {
		t.Errorf("garbage: %v", err)
	}
	store.down.Store(false)
	c.Advance(reloadGap)
	if _, err := r.Verify(t.Context(), stranger, "at+jwt"); !errors.Is(err, ErrInvalid) {
		t.Errorf("after the outage: %v", err)
	}
}

// No traffic means no query at all, so that the database can suspend.
func TestFreshKeysNeedNoQuery(t *testing.T) {
	t.Parallel()
	store, c := &watched{Store: newStore(t)}, &clock{}
	r := newRing(t, es256, store, c)
	before := store.reads.Load()
	r.JWKS()
	c.Advance(refreshAfter - time.Microsecond)
	token := sign(t, r, "ES256")
	if _, err := r.Verify(t.Context(), token, "at+jwt"); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if got := store.reads.Load(); got != before {
		t.Errorf("%d reads", got-before)
	}
}

func TestOldKeyIsRotatedWhileInUse(t *testing.T) {
	t.Parallel()
	c := &clock{}
	const quarter = 90 * 24 * time.Hour
	r := newRing(t, Config{Algorithms: []string{"ES256"}, RotateEvery: quarter}, newStore(t), c)
	first := kidOf(t, sign(t, r, "ES256"))
	c.Advance(quarter)
	if got := kidOf(t, sign(t, r, "ES256")); got != first {
		t.Error("the successor signed at once")
	}
	if got := published(t, r); len(got) != 2 || got[0] != first {
		t.Errorf("published %v, want %s and its successor", got, first)
	}
	c.Advance(publishAhead)
	if got := kidOf(t, sign(t, r, "ES256")); got == first {
		t.Error("the successor does not sign")
	}
	if got := published(t, r); len(got) != 2 {
		t.Errorf("published %v, want two", got)
	}
}

func TestRotatingTwiceRotatesOnce(t *testing.T) {
	t.Parallel()
	c := &clock{}
	r := newRing(t, es256, newStore(t), c)
	var ids [8]string
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := r.Rotate(context.WithoutCancel(t.Context()), "ES256")
			if err != nil {
				t.Error(err)
			}
			ids[i] = k.ID
		})
	}
	wg.Wait()
	if slices.ContainsFunc(ids[:], func(id string) bool { return id != ids[0] }) {
		t.Errorf("rotated to %v", ids)
	}
	c.Advance(publishAhead)
	if got := list(t, r); len(got) != 2 || got[0].State != Previous || got[1].State != Active {
		t.Errorf("keys %+v", got)
	}
	if _, err := r.Rotate(t.Context(), "EdDSA"); err == nil {
		t.Error("rotated an algorithm that is not configured")
	}
}

// The master secret is replaced without downtime.
func TestKeysAreResealedUnderTheCurrentSecret(t *testing.T) {
	t.Parallel()
	const replacement = "another master secret, 32 bytes or more"
	store, c := newStore(t), &clock{}
	token := sign(t, newRing(t, es256, store, c), "ES256")

	both := New(es256, store, secrets(t, replacement, masterSecret), c.Now, slog.New(slog.DiscardHandler))
	if err := both.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone := New(es256, store, secrets(t, replacement), c.Now, slog.New(slog.DiscardHandler))
	if err := alone.Load(t.Context()); err != nil {
		t.Fatalf("with the new secret alone: %v", err)
	}
	if _, err := alone.Verify(t.Context(), token, "at+jwt"); err != nil {
		t.Error(err)
	}
	old := New(es256, store, secrets(t, masterSecret), c.Now, slog.New(slog.DiscardHandler))
	if err := old.Load(t.Context()); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("with the old secret alone: %v", err)
	}
	if got := list(t, old); len(got) != 1 {
		t.Errorf("a wrong secret made new keys: %v", got)
	}
}

// Who can write to the database cannot make a key of theirs one of ours.
func TestForeignKeyInTheDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	c, store := &clock{}, newStore(t)
	newRing(t, es256, store, c)
	foreign := New(es256, store, secrets(t, strings.Repeat("x", 32)), c.Now, slog.New(slog.DiscardHandler))
	record, err := foreign.generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	record.CreatedAt, record.ActiveAt = start, start
	if err := store.AddSigningKey(t.Context(), record, "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	r := New(es256, store, secrets(t, masterSecret), c.Now, slog.New(slog.DiscardHandler))
	if err := r.Load(t.Context()); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("loaded a foreign key: %v", err)
	}
}

// An RSA key does one thing only, whatever who can write to the database makes of
// its record.
func TestKeyWithAnotherAlgorithmIsRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, Config{Algorithms: []string{"RS256", "PS256", "ES256"}}, newStore(t), &clock{})
	for name, known := range map[string]*snapshot{"known": r.current.Load(), "new": {}} {
		for alg, other := range map[string]string{
			"PS256": "RS256", "RS256": "PS256", "RSA-OAEP": "PS256", "ES256": "ECDH-ES", "ECDH-ES": "ES256",
		} {
			record := r.current.Load().newest(alg).SigningKey
			if _, err := r.open(record, known); err != nil {
				t.Error(err)
			}
			record.Algorithm = other
			if _, err := r.open(record, known); !errors.Is(err, secret.ErrOpen) {
				t.Errorf("%s: %s as %s: %v", name, alg, other, err)
			}
		}
	}
}

func TestUnknownAlgorithmIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	r := New(Config{Algorithms: []string{"HS256"}}, newStore(t), secrets(t, masterSecret), (&clock{}).Now, slog.New(slog.DiscardHandler))
	if err := r.Load(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, err := r.Sign(t.Context(), "HS256", "JWT", nil); err == nil {
		t.Error("signed")
	}
}
