package accesstoken_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func newVerifier(tb testing.TB) (p *providertest.Provider, v *accesstoken.Verifier) {
	tb.Helper()
	p = providertest.New(tb, providertest.Options{})
	return p, &accesstoken.Verifier{Issuer: p.Config.Issuer, Keys: p.Keys, Reader: p.Store, Now: p.Clock.Now}
}

// RFC 9068 §4: what our own keys have signed is an access token only with its
// typ, from us, and before its exp.
func TestOnlyAccessTokensOfOursAreGood(t *testing.T) {
	t.Parallel()
	p, v := newVerifier(t)
	now := p.Clock.Now().Unix()
	good := accesstoken.Claims{Issuer: v.Issuer, Subject: "a", ClientID: "a", ID: "a", ExpiresAt: now + 1}
	with := func(change func(*accesstoken.Claims)) accesstoken.Claims {
		c := good
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		typ    string
		claims any
		good   bool
	}{
		"as it should be":  {"at+jwt", good, true},
		"an ID token":      {"JWT", good, false},
		"a logout token":   {"logout+jwt", good, false},
		"without a typ":    {"", good, false},
		"typ in capitals":  {"AT+JWT", good, false},
		"another issuer":   {"at+jwt", with(func(c *accesstoken.Claims) { c.Issuer += "/" }), false},
		"expired":          {"at+jwt", with(func(c *accesstoken.Claims) { c.ExpiresAt = now }), false},
		"without exp":      {"at+jwt", with(func(c *accesstoken.Claims) { c.ExpiresAt = 0 }), false},
		"revoked with jti": {"at+jwt", with(func(c *accesstoken.Claims) { c.ID = "revoked" }), false},
		"an unknown grant": {"at+jwt", with(func(c *accesstoken.Claims) { c.Grant = "unknown" }), false},
		"no object":        {"at+jwt", []string{"x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := p.Store.RevokeToken(t.Context(), "revoked", p.Clock.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			raw, err := p.Keys.Sign(t.Context(), "ES256", test.typ, test.claims)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = v.Find(t.Context(), raw)
			if test.good && err != nil || !test.good && !errors.Is(err, accesstoken.ErrInactive) {
				t.Errorf("got %v, want it good: %v", err, test.good)
			}
		})
	}
}

// A grant is dead once it was revoked or has expired, or its person may no longer
// sign in or is gone.
func TestGrantIsAliveOnlyWithItsPerson(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good := storage.Grant{UserID: "u", ExpiresAt: now.Add(1)}
	for name, test := range map[string]struct {
		grant *storage.Grant
		user  *storage.User
		want  bool
	}{
		"good":             {&good, &storage.User{}, true},
		"the client's own": {&storage.Grant{ExpiresAt: now.Add(1)}, nil, true},
		"none":             {nil, &storage.User{}, false},
		"expired":          {&storage.Grant{UserID: "u", ExpiresAt: now}, &storage.User{}, false},
		"revoked":          {&storage.Grant{UserID: "u", ExpiresAt: now.Add(1), RevokedAt: now}, &storage.User{}, false},
		"person gone":      {&good, nil, false},
		"person may not":   {&good, &storage.User{DisabledAt: now}, false},
	} {
		if got := accesstoken.Alive(test.grant, test.user, now); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Whatever is presented, it is a good token or none; that is never a fault of ours.
func FuzzParse(f *testing.F) {
	p, v := newVerifier(f)
	good := p.Granted(f, map[string][]string{"grant_type": {"client_credentials"}},
		providertest.MachineID, providertest.ClientSecret).Get("access_token")
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, good[1:], good[:len(good)-1], good + "=", good + ".", parts[0] + ".." + parts[2], parts[0] + "." + parts[1] + ".",
		"gla_", "gla_x", "glr_x", "", ".", "..", "...", "eyJhbGciOiJub25lIn0.e30.", "\x00", "e30.e30.e30",
		strings.Replace(good, parts[1], parts[0], 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := v.Parse(t.Context(), raw)
		if raw == good || strings.HasPrefix(raw, accesstoken.OpaquePrefix) {
			if err != nil {
				t.Errorf("a good token: %v", err)
			}
			return
		}
		if !errors.Is(err, accesstoken.ErrInactive) {
			t.Errorf("%q: got %v, want that it is no token", raw, err)
		}
	})
}
