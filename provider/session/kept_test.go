package session

import (
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gatelodge/gatelodge/storage"
)

// visitor is a browser that can be closed: then it forgets what has no expiry.
type visitor struct {
	browser
	untilClosed map[string]bool
}

func (v *visitor) receive(w *httptest.ResponseRecorder) {
	for _, cookie := range v.browser.receive(w) {
		v.untilClosed[cookie.Name] = cookie.Expires.IsZero()
		if cookie.Value == "" {
			delete(v.browser, cookie.Name)
		}
	}
}

func (v *visitor) close() {
	for name, forgotten := range v.untilClosed {
		if forgotten {
			delete(v.browser, name)
		}
	}
}

// Whatever people do in a browser, it presents those who are signed in, the one used
// last first; and when it is closed, only those who wanted to stay.
func TestOnlyKeptSessionsOutliveTheBrowser(t *testing.T) {
	t.Parallel()
	type signedIn struct {
		token Token
		kept  bool
	}
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		c, _ := newCookies(t, seed%2 == 0)
		v := &visitor{browser{}, map[string]bool{}}
		var want []signedIn
		for step := range 40 {
			known, w := c.Browser(v.request()), httptest.NewRecorder()
			switch some := random.IntN(10); {
			case some < 4:
				s := signedIn{NewToken(), random.IntN(2) == 0}
				known.Add(s.token, s.kept)
				want = slices.Insert(want, 0, s)
				want = want[:min(len(want), storage.MaxSessions)]
			case some < 6 && len(want) > 0:
				i := random.IntN(len(want))
				s := want[i]
				known.Use(s.token.Hash())
				want = slices.Insert(slices.Delete(want, i, i+1), 0, s)
			case some < 8 && len(want) > 0:
				i := random.IntN(len(want))
				known.Drop(want[i].token.Hash())
				want = slices.Delete(want, i, i+1)
			case some == 9:
				v.close()
				want = slices.DeleteFunc(want, func(s signedIn) bool { return !s.kept })
				known = c.Browser(v.request())
			}
			var hashes []storage.Hash
			for _, s := range want {
				hashes = append(hashes, s.token.Hash())
			}
			if got := known.Sessions(); !slices.Equal(got, hashes) {
				t.Fatalf("seed %d, step %d: %d sessions, want %d", seed, step, len(got), len(want))
			}
			known.Save(w)
			v.receive(w)
			if again := c.Browser(v.request()); !slices.Equal(again.Sessions(), hashes) || again.Changed() {
				t.Fatalf("seed %d, step %d: the browser has another %d than %d", seed, step, len(again.Sessions()), len(want))
			}
		}
	}
}

// Two cookies of one name are none, and neither is what somebody planted beside ours.
func TestPlantedCookiesSignNobodyIn(t *testing.T) {
	t.Parallel()
	c, _ := newCookies(t, false)
	b := browser{}
	signIn(c, b)
	for _, name := range []string{sessionCookie, keptCookie} {
		r := b.request()
		r.Header.Add("Cookie", name+"="+NewToken().value)
		r.Header.Add("Cookie", name+"="+NewToken().value)
		if got := c.Browser(r).Sessions(); len(got) > 1 {
			t.Errorf("%s: %d sessions", name, len(got))
		}
	}
	long := browser{sessionCookie: "~.~.~.~.~.~.~"}
	for range 20 {
		long[keptCookie] += NewToken().value + "."
	}
	if got := c.Browser(long.request()).Sessions(); len(got) != storage.MaxSessions {
		t.Errorf("%d sessions, want %d", len(got), storage.MaxSessions)
	}
}
