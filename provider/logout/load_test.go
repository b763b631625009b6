package logout_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// slowly answers each call after a while, and counts them.
type slowly struct {
	took           time.Duration
	calls, at, max atomic.Int64
	twice          atomic.Int64
	seen           sync.Map
}

func (s *slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.at.Add(1)
	defer s.at.Add(-1)
	for most := s.max.Load(); now > most && !s.max.CompareAndSwap(most, now); most = s.max.Load() {
	}
	if _, again := s.seen.LoadOrStore(r.URL.Path, true); again {
		s.twice.Add(1)
	}
	<-time.After(s.took)
	s.calls.Add(1)
	w.WriteHeader(http.StatusNoContent)
}

// Back-channel logout to 1,000 clients neither slows sign-ins down nor calls more
// than a few at once, and calls each of them once.
func TestThousandClientsDoNotSlowSignIns(t *testing.T) {
	t.Parallel()
	const clients, parallel = 1000, 8
	o := providertest.Options{Configure: func(c *config.Config) {
		c.Outbound.HTTP, c.Outbound.Allow = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}}
	providertest.OnEachDatabase(t, o, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		prepare(t, p)
		rp := &slowly{took: 20 * time.Millisecond}
		server := httptest.NewServer(rp)
		t.Cleanup(server.Close)
		browser := providertest.Browser(t)
		token := signIn(t, p, browser, "alex").Get("id_token")
		takePart(t, p, token, clients, server.URL)

		before := median(signInTimes(t, p, func(done int) bool { return done < 20 }))
		wantPage(t, endSession(t, p, browser, "id_token_hint", token), http.StatusOK, outPage)
		began := time.Now()
		during := signInTimes(t, p, func(int) bool { return rp.calls.Load() < clients })
		took := time.Since(began)
		t.Logf("a sign-in takes %s, and %s while %d clients are called (%d sign-ins, %d at once)",
			before, median(during), clients, len(during), rp.max.Load())
		// A machine that does both at once is slower at each; but a sign-in that
		// waited for calls would wait for a good part of them.
		if got := median(during); len(during) < 10 || got > max(5*before, took/50) {
			t.Errorf("%d sign-ins in %s, each in %s, and in %s otherwise", len(during), took, got, before)
		}
		p.Logouts.Deliver(t.Context())
		if n := rp.max.Load(); n > parallel {
			t.Errorf("%d calls at once, want at most %d", n, parallel)
		}
		if rp.calls.Load() != clients || rp.twice.Load() > 0 || left(t, p) > 0 {
			t.Errorf("%d calls, %d of them again, %d notices are left", rp.calls.Load(), rp.twice.Load(), left(t, p))
		}
	})
}

// takePart registers so many clients and lets them take part in the session of
// the ID token.
func takePart(t *testing.T, p *providertest.Provider, token string, clients int, url string) {
	t.Helper()
	_, claims := providertest.JWT(t, token)
	sid, _ := claims["sid"].(string)
	link, _, err := p.Store.FindSessionClient(t.Context(), sid)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for i := worker; i < clients; i += 20 {
				id := fmt.Sprintf("client-%d", i)
				p.SaveClient(t.Context(), t, id, storage.ClientMetadata{
					TokenEndpointAuthMethod: "none", BackchannelLogoutURI: url + "/" + id,
				})
				now := p.Clock.Now()
				if err := p.Store.Apply(t.Context(), storage.Write{Key: rand.Text(), Now: now, SessionClient: &storage.SessionClient{
					SessionID: link.SessionID, ClientID: id, SID: rand.Text(), Subject: providertest.UserID, CreatedAt: now,
				}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// signInTimes are how long sign-ins take, one after the other, for as long as
// more are wanted.
func signInTimes(t *testing.T, p *providertest.Provider, more func(done int) bool) []time.Duration {
	t.Helper()
	var times []time.Duration
	for more(len(times)) {
		browser := providertest.Browser(t)
		start := time.Now()
		signIn(t, p, browser, "bo")
		times = append(times, time.Since(start))
	}
	return times
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	if len(times) == 0 {
		return 0
	}
	return times[len(times)/2]
}
