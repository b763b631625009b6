package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
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
		wantPage(t, use(t, p, browser, m, "password", "short"), http.StatusUnprocessableEntity, "Choose a longer password")
		wantPage(t, use(t, p, browser, m), http.StatusUnprocessableEntity, "Enter the password")
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
			// The page that waited goes on with who has signed in.
			wantCode(t, p.Post(t, browser, "/link/code", typed(waiting, m.Code)))
		}
	})
}

// Programs that look into mails open what is in them, in whichever browser: that uses
// nothing up, and signs nobody in.
func TestOpeningALinkUsesNothingUp(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser, scanner := providertest.Browser(t), providertest.Browser(t)
	asked := []mail.Message{}
	for _, purpose := range []string{"sign_in", "reset"} {
		askFor(t, p, browser, purpose, providertest.Username)
		asked = append(asked, mails(t, p)...)
	}
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
	asked = append(asked, mails(t, p)...)
	for _, m := range asked {
		for range 3 {
			for _, b := range []*http.Client{browser, scanner} {
				if res := follow(t, p, b, m); res.StatusCode != http.StatusOK || res.Header.Get("Referrer-Policy") != "same-origin" {
					t.Errorf("%s: %s, %v", m.Kind, brief(res), res.Header)
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, m.Link, nil)
				if err != nil {
					t.Fatal(err)
				}
				if res := providertest.Do(t, b, r); res.StatusCode != http.StatusOK || res.Body != "" {
					t.Errorf("%s: HEAD: %s", m.Kind, brief(res))
				}
			}
		}
		if cookie(t, p, scanner, sessionCookie) != "" || cookie(t, p, browser, sessionCookie) != "" {
			t.Errorf("%s: somebody is signed in", m.Kind)
		}
	}
	wantConsent(t, use(t, p, browser, asked[0]))
	wantCode(t, allow(t, p, browser, use(t, p, browser, asked[1], "password", newPassphrase)))
	wantConsent(t, use(t, p, browser, asked[2]))
}

// A link in another browser than the one that asked for it does its thing there, and
// leads to the account page: nobody finishes a flow that somebody else began.
func TestLinkInAnotherBrowserEndsAtTheAccountPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	asking, reading := providertest.Browser(t), providertest.Browser(t)
	for purpose, fields := range map[string][]string{"sign_in": nil, "reset": {"password", newPassphrase}} {
		askFor(t, p, asking, purpose, providertest.Username)
		res := use(t, p, reading, mails(t, p)[0], fields...)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != p.URL+"/account" {
			t.Errorf("%s: %s", purpose, brief(res))
		}
		wantLogin(t, p.Authorize(t, asking, params()))
		wantConsent(t, p.Authorize(t, reading, params()))
	}
}

// Whoever signs up with an address that is not theirs leaves nothing there: who reads
// its mail in another browser chooses the password, and no other one is good.
func TestSignUpWithSomebodyElsesAddressLeavesNothing(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, signUpOpen(), func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		attacker, owner := providertest.Browser(t), providertest.Browser(t)
		sealed := wantSignUp(t, p.Authorize(t, attacker, params("prompt", "create")), http.StatusOK)
		waiting := wantCheckMail(t, p.Post(t, attacker, "/sign-up", providertest.With(newcomer(sealed), "password", "the attacker's password")), http.StatusOK)
		m := mailed(t, p, mail.ConfirmSignUp, "Kim@Example.com")
		if m.Name != "" {
			t.Errorf("the attacker has us write %q", m.Name)
		}
		wantPage(t, signInWith(t, p, "kim@example.com", "the attacker's password"), http.StatusUnprocessableEntity, denied)
		wantPage(t, use(t, p, owner, m), http.StatusUnprocessableEntity, "Enter the password")
		res := use(t, p, owner, m, "password", newPassphrase)
		if to := res.Header.Get("Location"); to != p.URL+"/account" {
			t.Fatalf("not at the account page: %s", brief(res))
		}
		wantPage(t, signInWith(t, p, "kim@example.com", "the attacker's password"), http.StatusUnprocessableEntity, denied)
		wantConsent(t, signInWith(t, p, "KIM@example.com", newPassphrase))
		wantCheckMail(t, p.Post(t, attacker, "/link/code", typed(waiting, m.Code)), http.StatusUnprocessableEntity)
	})
}

// What else a form says counts for nothing.
func TestSignUpTakesNoOtherFields(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
	form := providertest.With(newcomer(sealed), "sub", "chosen", "phone_number", "1", "identifiers", "root", "preferred_username", "root", "user_id", "x")
	wantCheckMail(t, p.Post(t, browser, "/sign-up", form), http.StatusOK)
	use(t, p, browser, mails(t, p)[0], "name", "Other", "email", providertest.Username, "sub", "chosen")
	u, err := p.Store.FindUserByIdentifier(t.Context(), "kim@example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := storage.Claims{Name: "Kim Sample", Email: "Kim@Example.com", EmailVerified: true}
	if len(u.Identifiers) != 1 || u.ID == "chosen" || !cmp.Equal(u.Claims, want) {
		t.Errorf("the account is %+v", u)
	}
}

// However an address is written, it is the one account's: no other is made for it, and
// its mail goes where it always did.
func TestAddressesThatAreOneAreOneAccount(t *testing.T) {
	t.Parallel()
	p := openProvider(t)
	browser := providertest.Browser(t)
	for _, entered := range []string{"ALEX@EXAMPLE.COM", "\uff41lex@example.com", " alex@example.com "} {
		askFor(t, p, browser, "reset", entered)
		mailed(t, p, mail.ResetPassword, providertest.Username)
		p.Clock.Advance(time.Hour)
	}
	for entered, want := range map[string]mail.Kind{
		"Alex@Example.Com": mail.AlreadySignedUp, "ale\u017f@example.com": "", "alex+work@example.com": mail.ConfirmSignUp,
	} {
		sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
		res := p.Post(t, browser, "/sign-up", providertest.With(newcomer(sealed), "email", entered))
		if want == "" { // the letter is not what it looks like
			wantSignUp(t, res, http.StatusUnprocessableEntity)
			continue
		}
		wantCheckMail(t, res, http.StatusOK)
		to := providertest.Username
		if want == mail.ConfirmSignUp {
			to = entered
		}
		mailed(t, p, want, to)
		p.Clock.Advance(time.Hour)
	}
}

// A link is good once, however many use it at the same moment, and on whichever node.
func TestLinkIsUsedOnce(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, signUpOpen(), func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		other := providertest.New(t, providertest.Options{Store: p.Store, Configure: signUpOpen().Configure})
		browser := providertest.Browser(t)
		for _, purpose := range []string{"sign_in", "reset", "sign_up"} {
			if purpose == "sign_up" {
				sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
				wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
			} else {
				askFor(t, p, browser, purpose, providertest.Username)
			}
			form := url.Values{"token": {tokenOf(t, mails(t, p)[0])}, "password": {newPassphrase}}
			answers := providertest.Parallel(16, func(i int) providertest.Response {
				return []*providertest.Provider{p, other}[i%2].Post(t, providertest.Browser(t), "/link", form)
			})
			won := 0
			for _, res := range answers {
				switch res.StatusCode {
				case http.StatusSeeOther:
					won++
				case http.StatusGone:
				default:
					t.Errorf("%s: %s", purpose, brief(res))
				}
			}
			if won != 1 {
				t.Errorf("%s: %d used the link", purpose, won)
			}
			mails(t, p) // the notices
		}
	})
}

// A link is good for whom it was mailed to as they were then, and not for long.
func TestLinkIsNotGoodAnyMore(t *testing.T) {
	t.Parallel()
	change := func(change func(*storage.User, time.Time)) func(*testing.T, *providertest.Provider) {
		return func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			p.ChangeUser(t, func(u *storage.User) { change(u, p.Clock.Now()) })
		}
	}
	for name, happens := range map[string]func(*testing.T, *providertest.Provider){
		"the account was disabled": change(func(u *storage.User, now time.Time) { u.DisabledAt = now }),
		"the address is another":   change(func(u *storage.User, _ time.Time) { u.Claims.Email = "alex@other.example" }),
		"the password was changed": change(func(u *storage.User, _ time.Time) { u.PasswordHash = "" }),
		"the account was deleted": func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			if err := p.Store.DeleteUser(t.Context(), providertest.UserID, p.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		},
		"the time of the account is over": func(t *testing.T, p *providertest.Provider) {
			t.Helper()
			over := p.Clock.Now().Add(time.Minute)
			err := p.Store.Apply(t.Context(), storage.Write{
				Key: "deletion", Now: p.Clock.Now(), Change: &storage.UserChange{UserID: providertest.UserID, DeletesAt: &over},
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Clock.Advance(2 * time.Minute)
		},
		"it has expired": func(_ *testing.T, p *providertest.Provider) { p.Clock.Advance(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, browser := newProvider(t), providertest.Browser(t)
			waiting := askFor(t, p, browser, "sign_in", providertest.Username)
			m := mails(t, p)[0]
			askFor(t, p, browser, "reset", providertest.Username)
			reset := mails(t, p)[0]
			happens(t, p)
			for _, m := range []mail.Message{m, reset} {
				wantPage(t, follow(t, p, browser, m), http.StatusGone, gonePage)
				form := url.Values{"token": {tokenOf(t, m)}, "password": {newPassphrase}}
				wantPage(t, p.Post(t, browser, "/link", form), http.StatusGone, gonePage)
			}
			wantCheckMail(t, p.Post(t, browser, "/link/code", typed(waiting, m.Code)), http.StatusUnprocessableEntity)
			if cookie(t, p, browser, sessionCookie) != "" {
				t.Error("somebody is signed in")
			}
		})
	}
}

// Somebody whose account waits to be deleted is let in by mail, as by the password.
func TestLinkIsGoodForAnAccountThatWaitsToBeDeleted(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	later := p.Clock.Now().Add(24 * time.Hour)
	err := p.Store.Apply(t.Context(), storage.Write{
		Key: "deletion", Now: p.Clock.Now(), Change: &storage.UserChange{UserID: providertest.UserID, DeletesAt: &later},
	})
	if err != nil {
		t.Fatal(err)
	}
	askFor(t, p, browser, "sign_in", providertest.Username)
	if res := use(t, p, browser, mailed(t, p, mail.SignInLink, providertest.Username)); res.StatusCode != http.StatusOK {
		t.Errorf("not let in: %s", brief(res))
	}
}

// An address that became somebody's while the mail was on its way is theirs.
func TestAddressIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	p, first, second := openProvider(t), providertest.Browser(t), providertest.Browser(t)
	var asked []mail.Message
	for _, browser := range []*http.Client{first, second} {
		sealed := wantSignUp(t, p.Authorize(t, browser, params("prompt", "create")), http.StatusOK)
		wantCheckMail(t, p.Post(t, browser, "/sign-up", newcomer(sealed)), http.StatusOK)
		asked = append(asked, mails(t, p)...)
	}
	wantConsent(t, use(t, p, first, asked[0]))
	wantPage(t, use(t, p, second, asked[1]), http.StatusGone, "That email has an account")
}

// Who follows the link in another tab finds the one that waits going on as well, also
// where the application demands a new account or a new sign-in.
func TestTabThatWaitsGoesOnAfterTheLink(t *testing.T) {
	t.Parallel()
	p, browser := openProvider(t), providertest.Browser(t)
	waiting := askFor(t, p, browser, "sign_in", providertest.Username)
	m := mails(t, p)[0]
	wantConsent(t, use(t, p, browser, m))
	wantConsent(t, p.Post(t, browser, "/link/code", typed(waiting, m.Code)))
	wantConsent(t, p.Post(t, browser, "/link/again", url.Values{"request": {waiting}}))

	newcomers := providertest.Browser(t)
	sealed := wantSignUp(t, p.Authorize(t, newcomers, params("prompt", "create")), http.StatusOK)
	waiting = wantCheckMail(t, p.Post(t, newcomers, "/sign-up", newcomer(sealed)), http.StatusOK)
	m = mails(t, p)[0]
	wantConsent(t, use(t, p, newcomers, m))
	wantCode(t, allow(t, p, newcomers, p.Post(t, newcomers, "/link/code", typed(waiting, m.Code))))

	// A sign-in from before says nothing of who reads the mail.
	p.Clock.Advance(time.Minute)
	late := askFor(t, p, browser, "sign_in", "alex", "prompt", "login")
	for range 6 {
		p.Post(t, browser, "/link/code", typed(late, "AAAA-AAAA"))
	}
	wantCheckMail(t, p.Post(t, browser, "/link/code", typed(late, "AAAA-AAAA")), http.StatusUnprocessableEntity)
}

// An outage is no refusal: the page comes again with what was entered, but for the
// password, and works once it is over.
func TestOutageOfWhatIsMailed(t *testing.T) {
	t.Parallel()
	store := &failing{Store: providertest.SQLite(t)}
	o := signUpOpen()
	o.Store = store
	p, browser := providertest.New(t, o), providertest.Browser(t)
	unavailable := func(path string, form url.Values, kept ...string) {
		t.Helper()
		store.fail.Store(true)
		defer store.fail.Store(false)
		res := p.Post(t, browser, path, form)
		wantPage(t, res, http.StatusServiceUnavailable, `role="alert"`)
		for _, text := range kept {
			if !strings.Contains(res.Body, text) {
				t.Errorf("%s: %q is lost", path, text)
			}
		}
		if res.Header.Get("Retry-After") == "" || strings.Contains(res.Body, newPassphrase) {
			t.Errorf("%s: %v, or the password is in the page", path, res.Header)
		}
	}
	sealed := wantLogin(t, p.Authorize(t, browser, params()))
	unavailable("/sign-up", newcomer(sealed), "Kim Sample", "Kim@Example.com", `action="/sign-up"`)
	ask := url.Values{"request": {sealed}, "purpose": {"sign_in"}, "username": {providertest.Username}}
	unavailable("/link/ask", ask, providertest.Username, `action="/link/ask"`)
	waiting := wantCheckMail(t, p.Post(t, browser, "/link/ask", ask), http.StatusOK)
	m := mails(t, p)[0]
	unavailable("/link/again", url.Values{"request": {waiting}}, `action="/link/code"`)
	unavailable("/link/code", typed(waiting, m.Code), `action="/link/code"`)
	unavailable("/link", url.Values{"token": {tokenOf(t, m)}}, tokenOf(t, m))
	wantConsent(t, use(t, p, browser, m))
	askFor(t, p, providertest.Browser(t), "reset", providertest.Username)
	m = mails(t, p)[0]
	form := url.Values{"token": {tokenOf(t, m)}, "password": {newPassphrase}}
	unavailable("/link", form, tokenOf(t, m), `name="password"`)
	if res := p.Post(t, browser, "/link", form); res.Header.Get("Location") != p.URL+"/account" {
		t.Errorf("once it is over: %s", brief(res))
	}
}
