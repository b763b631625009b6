package engine_test

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func password(changes ...string) url.Values {
	return providertest.With(url.Values{
		"grant_type": {"password"}, "username": {providertest.Username}, "password": {providertest.Password},
		"scope": {"openid profile offline_access"},
	}, changes...)
}

func withPasswordGrant(c *config.Config) { c.Grants.Password = true }

// RFC 6749 §4.3 is off unless the operator wants it, as RFC 9700 §2.4 advises.
func TestPasswordGrantIsOffByDefault(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	providertest.Refused(t, p.Token(t, password()), http.StatusBadRequest, "unsupported_grant_type")
}

// And then it is for clients that registered it, not for public ones unless the
// operator wants that too.
func TestPasswordGrantIsForClientsThatRegisteredIt(t *testing.T) {
	t.Parallel()
	for name, public := range map[string]bool{"confidential only": false, "public too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
				c.Grants.Password, c.Grants.PasswordPublic = true, public
			}})
			fromPublic := password("client_id", providertest.PublicID)
			providertest.Refused(t, p.Token(t, fromPublic, ""), http.StatusBadRequest, "unauthorized_client")
			providertest.Refused(t, p.Token(t, password(), providertest.MachineID, providertest.ClientSecret),
				http.StatusBadRequest, "unauthorized_client")

			p.ChangeClient(t, providertest.PublicID, func(m *storage.ClientMetadata) { m.GrantTypes = []string{"password"} })
			if public {
				p.Granted(t, fromPublic, "")
			} else {
				providertest.Refused(t, p.Token(t, fromPublic, ""), http.StatusBadRequest, "unauthorized_client")
			}
			p.Granted(t, password())
		})
	}
}

// The tokens are those of a sign-in at this moment, and no browser's.
func TestPasswordGrantTokens(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: withPasswordGrant})
	tokens := p.Granted(t, password())
	claims := verify(t, p, tokens.Get("id_token"), "RS256", "JWT")
	if claims["sub"] != providertest.UserID || claims["auth_time"] != float64(p.Clock.Now().Unix()) ||
		claims["sid"] != nil || claims["nonce"] != nil ||
		claims["at_hash"] != leftHalf("RS256", tokens.Get("access_token")) {
		t.Errorf("got ID token %v", claims)
	}
	if !p.Works(t, tokens) {
		t.Error("the access token is not good")
	}
	p.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))

	plain := p.Granted(t, password("scope", "profile"))
	if plain.Get("id_token") != "" || plain.Get("refresh_token") != "" || plain["scope"] != "profile" {
		t.Errorf("got %v, want an access token for profile", plain)
	}
}

// Whoever has to prove more than a password gets no tokens for one.
func TestPasswordGrantProvesNoSecondFactor(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: withPasswordGrant})
	p.Granted(t, password())
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequiredACR = "urn:gatelodge:acr:mfa" })
	providertest.InvalidGrant(t, p.Token(t, password()))
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.RequiredACR = "" })
	p.Granted(t, password())
	p.AddApp(t, providertest.UserID)
	providertest.InvalidGrant(t, p.Token(t, password()))

	everybody := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Grants.Password, c.Accounts.SecondFactor = true, "required"
	}})
	providertest.InvalidGrant(t, everybody.Token(t, password()))
}

// Whatever keeps somebody out, the answer is the same.
func TestDeniedPasswordsAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: withPasswordGrant})
	for id, change := range map[string]func(*storage.User){
		"disabled": func(u *storage.User) { u.DisabledAt = p.Clock.Now() },
		"keyless":  func(u *storage.User) { u.PasswordHash = "" },
	} {
		u, err := p.Store.FindUser(t.Context(), providertest.UserID)
		if err != nil {
			t.Fatal(err)
		}
		u.ID, u.Identifiers = id, []string{id}
		change(&u)
		if err := p.Store.SaveUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	var first providertest.Response
	for _, test := range []struct{ name, username, password string }{
		{"wrong password", providertest.Username, "wrong"},
		{"unknown", "nobody@example.com", providertest.Password},
		{"disabled", "disabled", providertest.Password},
		{"without a password", "keyless", providertest.Password},
		{"not even a name", "\u202e\u0001", providertest.Password},
	} {
		res := p.Token(t, password("username", test.username, "password", test.password))
		providertest.InvalidGrant(t, res)
		if first.Response == nil {
			first = res
		}
		if res.Body != first.Body {
			t.Errorf("%s: got %s, want %s", test.name, res.Body, first.Body)
		}
	}
}

// Guesses are counted here as on the sign-in page, also in parallel: after ten
// the right password is wrong too, whichever of the names is used.
func TestPasswordGrantCountsAttempts(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: withPasswordGrant}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		names := []string{providertest.Username, "alex", "ALEX", "Alex@Example.com"}
		var refused atomic.Int32
		providertest.Parallel(12, func(i int) providertest.Response {
			res := p.Token(t, password("username", names[i%len(names)], "password", "wrong"))
			if res.StatusCode == http.StatusBadRequest {
				refused.Add(1)
			}
			return res
		})
		if refused.Load() != 12 {
			t.Errorf("%d of 12 wrong guesses were refused", refused.Load())
		}
		providertest.InvalidGrant(t, p.Token(t, password()))
	})
}

// A success sets the account's count back.
func TestPasswordGrantSuccessClearsTheCount(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: withPasswordGrant})
	for range 3 {
		for range 9 {
			providertest.InvalidGrant(t, p.Token(t, password("password", "wrong")))
		}
		p.Granted(t, password())
	}
}

// overtaken is a store in which something else is written just before a request's
// own write, once.
type overtaken struct {
	storage.Store
	first func()
}

func (o *overtaken) Apply(ctx context.Context, w storage.Write) error {
	if first := o.first; first != nil {
		o.first = nil
		first()
	}
	return o.Store.Apply(ctx, w)
}

// A password that is changed while it is being checked is wrong.
func TestPasswordIsStillTheirsWhenTokensAreGranted(t *testing.T) {
	t.Parallel()
	store := &overtaken{Store: providertest.SQLite(t)}
	p := providertest.New(t, providertest.Options{Configure: withPasswordGrant, Store: store})
	p.Granted(t, password())
	store.first = func() { p.ChangeUser(t, func(u *storage.User) { u.PasswordHash = "" }) }
	providertest.InvalidGrant(t, p.Token(t, password()))
}
