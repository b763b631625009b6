package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// The step that the person is at is shown again in the language that they choose,
// and every one after it, whatever the application asked for.
func TestLanguageIsChosenAtAStep(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	page := p.Authorize(t, browser, providertest.AuthorizeParams(map[string]string{"ui_locales": "en", "prompt": "consent"}))
	german := p.Post(t, browser, "/login/language", url.Values{"request": {page.Pending(t)}, "language": {"de"}})
	wantPage(t, german, http.StatusOK, "Anmelden")
	consent := p.Post(t, browser, "/login", url.Values{
		"request": {german.Pending(t)}, "username": {"alex"}, "password": {providertest.Password},
	})
	wantPage(t, consent, http.StatusOK, "Zugriff erlauben")
	english := p.Post(t, browser, "/login/language", url.Values{"request": {consent.Pending(t)}, "language": {"en"}})
	wantPage(t, english, http.StatusOK, "Allow access")
	unknown := p.Post(t, browser, "/login/language", url.Values{"request": {english.Pending(t)}, "language": {"tlh"}})
	wantPage(t, unknown, http.StatusOK, "Allow access")
}

// The language is remembered, and chosen only by forms of ours.
func TestLanguageIsRemembered(t *testing.T) {
	t.Parallel()
	p, browser := newProvider(t), providertest.Browser(t)
	res := p.Post(t, browser, "/language", url.Values{"language": {"de"}, "return": {"//evil.example"}})
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != p.Config.Issuer+"/" {
		t.Errorf("status %d, to %q", res.StatusCode, got)
	}
	if body := p.Get(t, browser, "/").Body; !strings.Contains(body, `<html lang="de"`) {
		t.Error("it was not remembered")
	}
	if res := p.Post(t, browser, "/language", url.Values{"language": {"tlh"}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a language that there is not: status %d", res.StatusCode)
	}
}
