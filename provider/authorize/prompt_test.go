package authorize_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// OpenID Connect Core §3.1.2.1: with a session and consent, prompt=none and no
// prompt at all lead to the client at once.
func TestLiveSessionAndRememberedConsentNeedNoPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	for _, prompt := range []string{"", "none"} {
		wantCode(t, p.Authorize(t, browser, params("prompt", prompt)))
	}
}

// OpenID Connect Core §3.1.2.1, §3.1.2.6.
func TestPromptNoneShowsNoPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	stranger, browser := providertest.Browser(t), signedIn(t, p)
	p.Clock.Advance(time.Minute)
	for name, test := range map[string]struct {
		browser *http.Client
		changes []string
		code    string
	}{
		"nobody signed in":       {stranger, nil, "login_required"},
		"signed in too long ago": {browser, []string{"max_age", "30"}, "login_required"},
		"not agreed":             {browser, []string{"scope", "openid phone"}, "consent_required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, p.Authorize(t, test.browser, params(append(test.changes, "prompt", "none")...)), test.code)
		})
	}
}

// OpenID Connect Core §3.1.2.1: prompt=login, max_age and an
// id_token_hint of somebody else ask for a sign-in although there is a session. It
// satisfies them, so that nobody is asked in a circle.
func TestSignInIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]string{
		"login":             {"prompt", "login"},
		"login and consent": {"prompt", "login consent"},
		"max_age passed":    {"max_age", "59"},
		"max_age 0":         {"max_age", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			browser := signedIn(t, p)
			if changes[1] == "59" {
				p.Clock.Advance(time.Minute)
			}
			sealed := wantLogin(t, p.Authorize(t, browser, params(changes...)))
			p.Clock.Advance(10 * time.Minute)
			res := p.Post(t, browser, "/login", credentials(sealed))
			if strings.Contains(changes[1], "consent") {
				sealed := wantConsent(t, res)
				p.Clock.Advance(10 * time.Minute) // the person reads
				res = p.Post(t, browser, "/consent", decision(sealed, "allow"))
			}
			tokens := p.Granted(t, providertest.CodeForm(wantCode(t, res)))
			_, claims := providertest.JWT(t, tokens.Get("id_token"))
			authTime, _ := claims["auth_time"].(float64)
			if age := p.Clock.Now().Sub(time.Unix(int64(authTime), 0)); age > 10*time.Minute {
				t.Errorf("auth_time is %s ago", age)
			}
		})
	}
}

func TestSessionWithinMaxAgeWillDo(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	p.Clock.Advance(time.Minute)
	for _, age := range []string{"60", "2147483647"} {
		wantCode(t, p.Authorize(t, browser, params("max_age", age)))
	}
}

// The page of one's own request does not grow old while one reads it: max_age
// counts from when the request arrived.
func TestSlowPersonIsNotAskedInACircle(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := providertest.Browser(t)
	res := p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params("max_age", "60")))))
	sealed := wantConsent(t, res)
	p.Clock.Advance(time.Hour)
	wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
}

// OpenID Connect Core §3.1.2.1: prompt=consent asks although there is nothing new.
func TestPromptConsentAsks(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	browser := signedIn(t, p)
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.SkipConsent = true })
	sealed := wantConsent(t, p.Authorize(t, browser, params("prompt", "consent")))
	wantCode(t, p.Post(t, browser, "/consent", decision(sealed, "allow")))
}

func TestLoginHintFillsInTheName(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	const hint = `"><b>kim@example.com</b>`
	res := p.Authorize(t, providertest.Browser(t), params("login_hint", hint))
	wantLogin(t, res)
	if !strings.Contains(res.Body, `value="&#34;&gt;&lt;b&gt;kim@example.com&lt;/b&gt;"`) {
		t.Errorf("the hint is not in the field: %s", res.Body)
	}
}

// OpenID Connect Core §3.1.2.1, id_token_hint.
func TestIDTokenHintNamesThePerson(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	addBo(t, p)
	hint := p.Tokens(t).Get("id_token")
	browser := signedIn(t, p)
	p.Clock.Advance(time.Hour) // which the ID token does not outlive
	wantCode(t, p.Authorize(t, browser, params("id_token_hint", hint)))
	wantCode(t, p.Authorize(t, browser, params("id_token_hint", hint, "prompt", "none")))

	other := providertest.Browser(t)
	sealed := wantLogin(t, p.Authorize(t, other, params("prompt", "login")))
	asBo := credentials(sealed)
	asBo.Set("username", "bo")
	wantConsent(t, p.Post(t, other, "/login", asBo))
	wantError(t, p.Authorize(t, other, params("id_token_hint", hint, "prompt", "none")), "login_required")
	asBo.Set("request", wantLogin(t, p.Authorize(t, other, params("id_token_hint", hint))))
	wantError(t, p.Post(t, other, "/login", asBo), "login_required")
	sealed = wantLogin(t, p.Authorize(t, other, params("id_token_hint", hint)))
	wantCode(t, p.Post(t, other, "/login", credentials(sealed)))
}

// OpenID Connect Core §3.1.2.1: it is one of our ID tokens, for this client.
func TestIDTokenHintIsOfThisClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.SaveClient(t.Context(), t, "other", storage.ClientMetadata{
		RedirectURIs: []string{providertest.RedirectURI}, GrantTypes: []string{"authorization_code"},
		TokenEndpointAuthMethod: "client_secret_basic",
	})
	tokens := p.Tokens(t)
	hint := tokens.Get("id_token")
	for name, changes := range map[string][]string{
		"another client's": {"client_id", "other", "id_token_hint", hint},
		"an access token":  {"id_token_hint", tokens.Get("access_token")},
		"altered":          {"id_token_hint", hint[:len(hint)-4] + "AAAA"},
		"not signed":       {"id_token_hint", "eyJhbGciOiJub25lIn0." + strings.Split(hint, ".")[1] + "."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, p.Authorize(t, providertest.Browser(t), params(changes...)), "invalid_request")
		})
	}
}

func TestIDTokenHintOutlivesARotation(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	hint, browser := p.Tokens(t).Get("id_token"), signedIn(t, p)
	key, err := p.Keys.Rotate(t.Context(), "RS256")
	if err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(key.ActiveAt.Sub(p.Clock.Now()) + time.Second)
	newer, _ := providertest.JWT(t, p.Tokens(t).Get("id_token"))
	if older, _ := providertest.JWT(t, hint); older["kid"] == newer["kid"] {
		t.Fatal("the keys have not been rotated")
	}
	wantCode(t, p.Authorize(t, browser, params("id_token_hint", hint)))
}

// OpenID Connect Core §3.1.2.1: the sign-in that prompt=login demands does not count
// for whoever finds the page that came after it, hours later.
func TestSignInDoesNotCountForALateDecision(t *testing.T) {
	t.Parallel()
	for after, asked := range map[time.Duration]bool{59 * time.Minute: false, time.Hour: true} {
		p := newProvider(t)
		browser := providertest.Browser(t)
		res := p.Post(t, browser, "/login", credentials(wantLogin(t, p.Authorize(t, browser, params("prompt", "login")))))
		page := wantConsent(t, res)
		p.Clock.Advance(after)
		res = p.Post(t, browser, "/consent", decision(page, "allow"))
		if !asked {
			wantCode(t, res)
			continue
		}
		res = p.Post(t, browser, "/login", credentials(wantLogin(t, res)))
		wantCode(t, p.Post(t, browser, "/consent", decision(wantConsent(t, res), "allow")))
	}
}
