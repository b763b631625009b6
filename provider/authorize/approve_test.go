package authorize_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/storage"
)

// tick answers a consent page with these scopes ticked.
func tick(sealed string, scopes ...string) url.Values {
	return url.Values{"request": {sealed}, "decision": {"allow"}, "choice": {"yes"}, "scope": scopes}
}

// consentTo signs the fixture's person in and returns the consent page.
func consentTo(t *testing.T, p *providertest.Provider, browser *http.Client, asking url.Values) providertest.Response {
	t.Helper()
	res := p.Authorize(t, browser, asking)
	if strings.Contains(res.Body, `name="password"`) {
		res = p.Post(t, browser, "/login", credentials(res.Pending(t)))
	}
	wantConsent(t, res)
	return res
}

// RFC 6749 §3.3: the token answer says the scope if it is less than what was asked
// for.
func TestOnlyWhatIsTickedIsGranted(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		browser := providertest.Browser(t)
		asking := params("scope", "openid profile email offline_access "+providertest.APIScope)
		page := consentTo(t, p, browser, asking)
		for _, scope := range []string{"profile", "email", "offline_access", providertest.APIScope} {
			if !strings.Contains(page.Body, `name="scope" value="`+scope+`" checked`) {
				t.Errorf("%s cannot be left out", scope)
			}
		}
		if strings.Contains(page.Body, `name="scope" value="openid"`) {
			t.Error("openid can be left out")
		}
		code := wantCode(t, p.Post(t, browser, "/consent", tick(page.Pending(t), "email", "phone")))
		answer := p.Granted(t, providertest.CodeForm(code))
		if answer["scope"] != "openid email" || answer["refresh_token"] != nil {
			t.Errorf("got %v", answer)
		}
		// Only that is remembered: the rest is asked for again.
		wantCode(t, p.Authorize(t, browser, params("scope", "openid email")))
		page = consentTo(t, p, browser, asking)
		if strings.Contains(page.Body, `value="email" checked`) || !strings.Contains(page.Body, `value="profile" checked`) {
			t.Error("the page does not say what is new")
		}
		// What was allowed before stays so.
		code = wantCode(t, p.Post(t, browser, "/consent", tick(page.Pending(t), providertest.APIScope)))
		answer = p.Granted(t, providertest.CodeForm(code))
		if answer["scope"] != "openid email "+providertest.APIScope {
			t.Errorf("got %v", answer)
		}
		activity, err := p.Store.ListActivity(t.Context(), providertest.UserID, p.Clock.Now().Add(time.Second), 10)
		if err != nil {
			t.Fatal(err)
		}
		allowed := slices.DeleteFunc(activity, func(a storage.Activity) bool { return a.Event != string(account.AppAllowed) })
		if len(allowed) != 2 || allowed[0].ClientID != providertest.ClientID {
			t.Errorf("got %+v", activity)
		}
	})
}

// OpenID Connect Core §5.5: claims that are asked for by name stand for scopes.
func TestClaimsOfWhatIsNotTickedAreNotTold(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	asking := params("scope", "openid", "claims", `{"id_token":{"email":null,"name":null}}`)
	page := consentTo(t, p, browser, asking)
	code := wantCode(t, p.Post(t, browser, "/consent", tick(page.Pending(t), "profile")))
	_, payload, _ := strings.Cut(p.Granted(t, providertest.CodeForm(code)).Get("id_token"), ".")
	payload, _, _ = strings.Cut(payload, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || !strings.Contains(string(claims), `"name":`) || strings.Contains(string(claims), `"email":`) {
		t.Errorf("got %s, %v", claims, err)
	}
}

func TestNothingTickedIsADenial(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	page := consentTo(t, p, browser, params("scope", providertest.APIScope))
	wantError(t, p.Post(t, browser, "/consent", tick(page.Pending(t))), "access_denied")
	wantConsent(t, p.Authorize(t, browser, params("scope", providertest.APIScope)))
}

func TestConsentPageSaysWhoHasRegisteredItself(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	if page := consentTo(t, p, browser, params()); strings.Contains(page.Body, "Unverified") {
		t.Error("the operator's own client is unverified")
	}
	c, err := p.Store.FindClient(t.Context(), providertest.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.RegistrationHash = "self", storage.HashOf("a registration access token")
	if err := p.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if page := consentTo(t, p, browser, params("client_id", "self")); !strings.Contains(page.Body, "Unverified app") {
		t.Error("the page does not say that nobody knows the client")
	}
}

// RFC 8707 §2.
func TestConsentPageNamesTheResources(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	page := consentTo(t, p, browser, params("scope", "openid "+providertest.APIScope, "resource", providertest.API))
	if !strings.Contains(page.Body, "It is for: <bdi>Notes</bdi>") {
		t.Errorf("the page does not name it: %s", page.Body)
	}
}
