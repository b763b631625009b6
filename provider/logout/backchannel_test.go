package logout_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// party is a relying party with a back-channel logout address, over TLS.
type party struct {
	*httptest.Server
	// arrived gets each logout token, before it is answered.
	arrived chan string

	mu     sync.Mutex
	status int
	seen   int
}

// newParty starts a relying party that answers with 200. It ends with the test.
func newParty(t *testing.T) *party {
	t.Helper()
	rp := &party{arrived: make(chan string, 100), status: http.StatusOK}
	rp.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/logout?tenant=1" ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s with %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"))
		}
		if err := r.ParseForm(); err != nil || len(r.PostForm) != 1 {
			t.Errorf("the form is %v", slices.Collect(maps.Keys(r.PostForm)))
		}
		rp.mu.Lock()
		rp.seen++
		status := rp.status
		rp.mu.Unlock()
		rp.arrived <- r.PostForm.Get("logout_token")
		w.WriteHeader(status)
	}))
	t.Cleanup(rp.Close)
	return rp
}

func (rp *party) answers(status int) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	rp.status = status
}

// calls are how many have come.
func (rp *party) calls() int {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	return rp.seen
}

// options have the provider call parties here.
func (rp *party) options(t *testing.T) providertest.Options {
	t.Helper()
	return providertest.Options{Configure: func(c *config.Config) { c.Outbound = providertest.Outbound(t, rp.Server) }}
}

// register has the client called there.
func (rp *party) register(t *testing.T, p *providertest.Provider, clientID string) {
	t.Helper()
	p.ChangeClient(t, clientID, func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = rp.URL + "/logout?tenant=1" })
}

// withParty runs the test on each database with a party that the web client is
// called at.
func withParty(t *testing.T, test func(*testing.T, *providertest.Provider, *party)) {
	t.Helper()
	rp := newParty(t)
	providertest.OnEachDatabase(t, rp.options(t), func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		own := newParty(t) // httptest's certificates are all the same
		prepare(t, p)
		own.register(t, p, providertest.ClientID)
		test(t, p, own)
	})
}

// left are the notices that are not delivered yet and have not expired. They are
// due now.
func left(t *testing.T, p *providertest.Provider) int {
	t.Helper()
	now := p.Clock.Now()
	notices, _, err := p.Store.TakeLogoutNotices(t.Context(), now.Add(storage.LogoutNoticeLifetime-time.Second), now, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(notices)
}

// signOut signs somebody in and out again, and returns their ID token.
func signOut(t *testing.T, p *providertest.Provider) string {
	t.Helper()
	browser := providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	wantPage(t, endSession(t, p, browser, "id_token_hint", token), http.StatusOK, outPage)
	return token
}

// OpenID Connect Back-Channel Logout §2.4 and §2.5: what a logout token says, and
// how it comes. oidcc-backchannel-rp-initiated-logout.
func TestLogoutToken(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		for _, alg := range append(p.Keys.Algorithms(), "") {
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.IDTokenSignedResponseAlg = alg })
			_, id := providertest.JWT(t, signOut(t, p))
			token := <-rp.arrived
			header, claims := providertest.JWT(t, token)
			if alg == "" {
				alg = "RS256"
			}
			if header["alg"] != alg || header["typ"] != "logout+jwt" {
				t.Errorf("header %v", header)
			}
			if _, err := p.Keys.Verify(t.Context(), token, "logout+jwt"); err != nil {
				t.Error(err)
			}
			now := float64(p.Clock.Now().Unix())
			if jti, _ := claims["jti"].(string); len(jti) < 20 {
				t.Errorf("jti %q", jti)
			}
			delete(claims, "jti")
			if diff := cmp.Diff(map[string]any{
				"iss": p.Config.Issuer, "aud": providertest.ClientID, "iat": now, "exp": now + 120,
				"sub": id["sub"], "sid": id["sid"],
				"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			}, claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			p.Logouts.Deliver(t.Context())
			if n := left(t, p); n > 0 || rp.calls() == 0 {
				t.Errorf("%d notices are left", n)
			}
		}
	})
}

// OpenID Connect Core §8: the sub of a pairwise client is its own here too.
func TestLogoutTokenHasThePairwiseSubject(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.SubjectType = "pairwise" })
		_, id := providertest.JWT(t, signOut(t, p))
		_, claims := providertest.JWT(t, <-rp.arrived)
		if claims["sub"] == providertest.UserID || claims["sub"] != id["sub"] {
			t.Errorf("sub %v, in the ID token %v", claims["sub"], id["sub"])
		}
	})
}

// OpenID Connect Back-Channel Logout §2.4: a client whose ID tokens are encrypted
// gets logout tokens that are.
func TestLogoutTokenIsEncryptedAsIDTokensAre(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: "e", Use: "enc", Algorithm: "RSA-OAEP-256"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		browser := providertest.Browser(t)
		signIn(t, p, browser, "alex")
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
			m.JWKS, m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc = set, "RSA-OAEP-256", "A128GCM"
		})
		confirm(t, p, browser, endSession(t, p, browser), "sign-out")
		encrypted, err := jose.ParseEncryptedCompact(
			<-rp.arrived, []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A128GCM},
		)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := encrypted.Decrypt(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Keys.Verify(t.Context(), string(signed), "logout+jwt"); err != nil {
			t.Error(err)
		}
	})
}

// Every client of the session is called, and nobody waits for it.
func TestThePersonDoesNotWaitForTheClients(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		release, arrived := make(chan struct{}), make(chan struct{}, 1)
		slow := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			arrived <- struct{}{}
			<-release
		}))
		defer slow.Close()
		defer close(release)
		p.ChangeClient(t, otherID, func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = slow.URL })
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		signInAtOther(t, p, browser)
		wantPage(t, endSession(t, p, browser, "id_token_hint", token), http.StatusOK, outPage)
		<-arrived
		<-rp.arrived
		signIn(t, p, browser, "bo")
	})
}

// OpenID Connect Back-Channel Logout §2.8, and what may pass: which answers end
// the matter.
func TestAnswersThatEndTheMatter(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		for status, final := range map[int]bool{
			200: true, 204: true, 400: true, 404: true, 405: true, 302: true,
			408: false, 429: false, 500: false, 501: false, 503: false, 504: false,
		} {
			p.Clock.Advance(storage.LogoutNoticeLifetime) // what is left is over
			rp.answers(status)
			signOut(t, p)
			<-rp.arrived
			p.Logouts.Deliver(t.Context())
			if n := left(t, p); n != map[bool]int{true: 0, false: 1}[final] {
				t.Errorf("after %d: %d notices are left", status, n)
			}
		}
	})
}

// A client that does not answer is called again and again, less and less often,
// for three days.
func TestUnreachableClientIsCalledAgain(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		rp.answers(http.StatusServiceUnavailable)
		signOut(t, p)
		<-rp.arrived
		p.Logouts.Deliver(t.Context())
		for i, wait := range []time.Duration{
			10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 6 * time.Hour,
		} {
			p.Clock.Advance(wait - time.Second)
			p.Logouts.Deliver(t.Context())
			if n := rp.calls(); n != i+1 {
				t.Fatalf("%d calls before the wait %d is over, want %d", n, i, i+1)
			}
			p.Clock.Advance(time.Second)
			p.Logouts.Deliver(t.Context())
			if n := rp.calls(); n != i+2 {
				t.Fatalf("%d calls after the wait %d, want %d", n, i, i+2)
			}
		}
		calls := rp.calls()
		p.Clock.Advance(storage.LogoutNoticeLifetime)
		p.Logouts.Deliver(t.Context())
		if n := left(t, p); n > 0 || rp.calls() != calls {
			t.Errorf("%d notices are left after three days, %d calls", n, rp.calls())
		}
	})
}

// A client that did not answer a moment ago is not called for its other notices
// either, which would hold up those of others.
func TestSilentClientIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		rp.answers(http.StatusServiceUnavailable)
		signOut(t, p)
		<-rp.arrived
		p.Logouts.Deliver(t.Context())
		signOut(t, p)
		p.Logouts.Deliver(t.Context())
		if n := rp.calls(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
		rp.answers(http.StatusOK)
		p.Clock.Advance(10 * time.Second)
		p.Logouts.Deliver(t.Context())
		if n := left(t, p); n > 0 || rp.calls() != 3 {
			t.Errorf("%d notices are left after %d calls", n, rp.calls())
		}
	})
}

// A server that is not there, or not who it should be, is no answer.
func TestWhatCannotBeReachedIsPostponed(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, _ *party) {
		t.Helper()
		gone := httptest.NewTLSServer(http.NotFoundHandler())
		gone.Close()
		plain := httptest.NewServer(http.NotFoundHandler())
		defer plain.Close()
		for _, uri := range []string{gone.URL, plain.URL, "https://10.0.0.1/", "https://metadata.invalid/"} {
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = uri })
			signOut(t, p)
			p.Logouts.Deliver(t.Context())
			if n := left(t, p); n != 1 {
				t.Errorf("%s: %d notices are left, want 1", uri, n)
			}
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = "" })
			p.Logouts.Deliver(t.Context()) // it wants to hear no more
			if n := left(t, p); n != 0 {
				t.Errorf("%s: %d notices are left", uri, n)
			}
		}
	})
}

// A client that is gone is not called any more.
func TestDeletedClientIsNotCalled(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		rp.answers(http.StatusInternalServerError)
		signOut(t, p)
		<-rp.arrived
		p.Logouts.Deliver(t.Context())
		if err := p.Store.DeleteClient(t.Context(), providertest.ClientID); err != nil {
			t.Fatal(err)
		}
		p.Clock.Advance(time.Hour)
		p.Logouts.Deliver(t.Context())
		if n := left(t, p); n != 0 || rp.calls() != 1 {
			t.Errorf("%d notices are left after %d calls", n, rp.calls())
		}
	})
}

// Notices that another process has left, such as of a changed password, are
// delivered after a request, a minute later at the latest.
func TestNoticesOfOthersAreFound(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		signIn(t, p, providertest.Browser(t), "alex")
		served := 0
		handler := p.Logouts.After(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		request := func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}
		request()
		p.ChangeUser(t, func(u *storage.User) {
			u.PasswordHash, u.UpdatedAt = "$argon2id$another", p.Clock.Now()
		})
		request()
		p.Clock.Advance(time.Minute)
		request()
		<-rp.arrived
		if served != 3 {
			t.Errorf("%d requests were served", served)
		}
	})
}

// deliverer is that of another process on the same database.
func deliverer(t *testing.T, p *providertest.Provider) *logout.Deliverer {
	t.Helper()
	calls, err := outbound.New(outbound.Config{
		CAFile: p.Config.Outbound.CAFile, Allow: p.Config.Outbound.Allow, Now: p.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = calls.Close() })
	return logout.NewDeliverer(logout.Config{
		Issuer: p.Config.Issuer, Outbox: p.Store, Outbound: calls, Keys: p.Keys,
		Log: slog.New(slog.DiscardHandler), Now: p.Clock.Now,
	})
}

// What a process took and did not deliver before it was killed, another delivers
// when the lease is over, and not before.
func TestNoticesSurviveAKill(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		p.StopLogouts() // so that nobody but the killed one takes it
		signOut(t, p)
		now := p.Clock.Now()
		taken, _, err := p.Store.TakeLogoutNotices(t.Context(), now, now.Add(time.Minute), 10)
		if err != nil || len(taken) != 1 {
			t.Fatalf("%d notices: %v", len(taken), err)
		}
		another := deliverer(t, p)
		another.Deliver(t.Context())
		if rp.calls() > 0 {
			t.Error("delivered during another's lease")
		}
		p.Clock.Advance(time.Minute)
		another.Deliver(t.Context())
		if n := left(t, p); n > 0 || rp.calls() != 1 {
			t.Errorf("%d notices are left after %d calls", n, rp.calls())
		}
	})
}

// What is under way when the provider stops is delivered, and not a second time.
func TestStoppingWaitsForCallsUnderWay(t *testing.T) {
	t.Parallel()
	withParty(t, func(t *testing.T, p *providertest.Provider, rp *party) {
		t.Helper()
		release, arrived := make(chan struct{}), make(chan struct{}, 1)
		slow := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			arrived <- struct{}{}
			<-release
		}))
		defer slow.Close()
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.BackchannelLogoutURI = slow.URL })
		signOut(t, p)
		<-arrived
		stopped := make(chan struct{})
		go func() {
			p.StopLogouts()
			close(stopped)
		}()
		close(release)
		<-stopped
		if n := left(t, p); n > 0 {
			t.Errorf("%d notices are left", n)
		}
		// What comes later waits for another process.
		rp.register(t, p, providertest.ClientID)
		signOut(t, p)
		if rp.calls() > 0 {
			t.Error("called after the stop")
		}
		deliverer(t, p).Deliver(t.Context())
		if n := left(t, p); n > 0 || rp.calls() != 1 {
			t.Errorf("%d notices are left after %d calls", n, rp.calls())
		}
	})
}

// A sign-out is logged with who it was, and so is a client that did not take it;
// never what proves anything.
func TestSignOutIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	rp := newParty(t)
	o := rp.options(t)
	o.Log = &log
	p := providertest.New(t, o)
	prepare(t, p)
	rp.register(t, p, providertest.ClientID)
	rp.answers(http.StatusBadRequest)
	browser := providertest.Browser(t)
	token := signIn(t, p, browser, "alex").Get("id_token")
	endSession(t, p, browser, "id_token_hint", token, "post_logout_redirect_uri", afterURI, "state", "a-state-of-the-client")
	logoutToken := <-rp.arrived
	p.StopLogouts()
	p.Close() // which waits for the last line
	for _, want := range []string{`"event":"signed out"`, `"sub":"` + providertest.UserID, `"refused with status 400"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log", want)
		}
	}
	for _, secret := range []string{token, logoutToken, "a-state-of-the-client", "tenant=1"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}
