package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
)

// gonePage is what is said of a link that is not good any more.
const gonePage = "This link is not good any more"

// Who has forgotten the password chooses another one, is signed in by that, and is
// signed out everywhere else: sessions and grants end.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		elsewhere := signedIn(t, p)
		tokens := p.Granted(t, providertest.CodeForm(p.Code(t, elsewhere, params())))
		browser := providertest.Browser(t)
		askFor(t, p, browser, "reset", "ALEX ")
		m := mailed(t, p, mail.ResetPassword, providertest.Username)
		if m.Code != "" || m.App != "Sample App" || m.Name != "Alex Sample" {
			t.Errorf("the mail is %+v", m)
		}
		p.Clock.Advance(time.Minute)
		page := follow(t, p, browser, m)
		wantPage(t, page, http.StatusOK, "Choose a new password")
		wantPage(t, use(t, p, browser, m, "password", "short"), http.StatusUnprocessableEntity, "Choose another password")
		wantPage(t, use(t, p, browser, m), http.StatusUnprocessableEntity, "Choose another password")
		wantCode(t, use(t, p, browser, m, "password", newPassphrase))
		mailed(t, p, mail.PasswordChanged, providertest.Username)

		wantLogin(t, p.Authorize(t, elsewhere, params()))
		providertest.InvalidGrant(t, p.Token(t, providertest.RefreshForm(tokens.Get("refresh_token"))))
		wantCode(t, p.Authorize(t, browser, params("prompt", "none")))
		wantPage(t, signInWith(t, p, "alex", providertest.Password), http.StatusUnprocessableEntity, denied)
		wantCode(t, signInWith(t, p, "alex", newPassphrase))
		wantPage(t, follow(t, p, browser, m), http.StatusGone, gonePage)
	})
}

// Who is mailed a link is signed in by it, or by its code in the page that waits.
func TestSignInByMail(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		for _, by := range []string{"link", "code"} {
			browser := providertest.Browser(t)
			waiting := askFor(t, p, browser, "sign_in", providertest.Username)
			m := mailed(t, p, mail.SignInLink, providertest.Username)
			var res providertest.Response
			if by == "link" {
				res = allow(t, p, browser, use(t, p, browser, m)) // what is allowed is asked for once
			} else {
				wantCheckMail(t, p.Post(t, browser, "/link/code", typed(waiting, "AAAA-AAAA")), http.StatusUnprocessableEntity)
				res = p.Post(t, browser, "/link/code", typed(waiting, " "+strings.ToLower(strings.ReplaceAll(m.Code, "-", " "))))
			}
			_, claims := providertest.JWT(t, p.Granted(t, providertest.CodeForm(wantCode(t, res))).Get("id_token"))
			if claims["sub"] != providertest.UserID {
				t.Errorf("by %s: the ID token says %v", by, claims)
			}
			wantPage(t, p.Post(t, browser, "/link", url.Values{"token": {tokenOf(t, m)}}), http.StatusGone, gonePage)
			wantCheckMail(t, p.Post(t, browser, "/link/code", typed(waiting, m.Code)), http.StatusUnprocessableEntity)
		}
	})
}
