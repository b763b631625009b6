package authorize_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// A link that the operator hands over lets its owner in once; it proves no address,
// and their second factor is asked for.
func TestLinkOfTheOperatorSignsInOnce(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) { //nolint:thelper // a test, and no helper
		p.ChangeUser(t, func(u *storage.User) { u.Claims.EmailVerified = false })
		user, err := p.Store.FindUser(t.Context(), providertest.UserID)
		if err != nil {
			t.Fatal(err)
		}
		hand := func() mail.Message {
			link, expires, err := provider.Links(p.Config, p.Store, p.Secrets, p.Clock.Now).Hand(t.Context(), &user)
			if err != nil || !expires.After(p.Clock.Now()) {
				t.Fatalf("until %s, %v", expires, err)
			}
			return mail.Message{Link: link}
		}
		link, browser := hand(), providertest.Browser(t)
		if res := use(t, p, browser, link); res.StatusCode != http.StatusSeeOther || cookie(t, p, browser, sessionCookie) == "" {
			t.Errorf("nobody is signed in: %s", brief(res))
		}
		if res := follow(t, p, providertest.Browser(t), link); res.StatusCode == http.StatusOK {
			t.Errorf("it is good twice: %s", brief(res))
		}
		if user, err = p.Store.FindUser(t.Context(), providertest.UserID); err != nil || user.Claims.EmailVerified {
			t.Errorf("it proves the address: %v", err)
		}
		p.AddApp(t, providertest.UserID)
		browser = providertest.Browser(t)
		if res := use(t, p, browser, hand()); !strings.Contains(res.Body, factorPage) || cookie(t, p, browser, sessionCookie) != "" {
			t.Errorf("the second factor is skipped: %s", brief(res))
		}
	})
}
