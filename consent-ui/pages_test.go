package consentui

import (
	"bytes"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// app is an authenticator app.
func app() *App {
	return &App{
		Secret: "JBSW Y3DP EHPK 3PXP", URI: "otpauth://totp/Gatelodge:ada@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Gatelodge",
		QRSize: 2, QRPath: "M0 0h1v1h-1z",
	}
}

// examples is every page, as empty and as full as it gets.
func examples() map[string]Page {
	acme := Client{
		Name: "Acme Notes", URI: "https://acme.example", LogoURI: "data:image/png;base64,AAAA",
		PolicyURI: "https://acme.example/privacy", TosURI: "https://acme.example/terms",
	}
	const redirect = "https://app.acme.example/callback"
	step := Step{Client: acme, Request: "sealed", RedirectURI: redirect}
	named, withLogo := step, step
	named.Client = Client{Name: "Acme Notes"}
	withLogo.Client = Client{Name: "Acme Notes", LogoURI: "/logo/acme"}
	person := Person{Name: "Ada Lovelace", Identifier: "ada@example.com"}
	devMail := DevMail{
		ID: "ID1", From: "Gatelodge <login@localhost>", To: "ada@example.com", Subject: "Sign in to Gatelodge",
		Text: "Hello,\n\nhttps://id.example/link?token=t0ken\n", Links: []string{"https://id.example/link?token=t0ken"},
		Code: "ABCD-2345", At: time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC),
	}
	asked := &Passkey{Options: `{"challenge":"AAAA","rpId":"id.example","allowCredentials":[]}`}
	all := map[string]Page{
		"login_empty":            Login{},
		"login":                  Login{Step: named},
		"login_hint":             Login{Step: step, Identifier: "ada@example.com"},
		"login_denied":           Login{Step: step, Identifier: "ada@example.com", Problem: ProblemDenied},
		"login_unavailable":      Login{Step: step, Identifier: "ada@example.com", Problem: ProblemUnavailable},
		"login_again":            Login{Step: withLogo, Identifier: "ada@example.com", Again: true, SignUp: true, Forgotten: true, MailsLink: true},
		"login_identifier":       Login{Step: named, Stage: StageIdentifier},
		"login_identifier_empty": Login{Step: named, Stage: StageIdentifier, Problem: ProblemIdentifier},
		"login_password":         Login{Step: named, Stage: StagePassword, Identifier: "ada@example.com"},
		"login_password_denied":  Login{Step: named, Stage: StagePassword, Identifier: "ada@example.com", Problem: ProblemDenied},
		"login_continue":         Login{Step: named, Identifier: "ada", Problem: ProblemDenied, Continue: &Account{person, "1", true}},
		"choose_empty":           Choose{},
		"choose": Choose{
			Step:     step,
			Accounts: []Account{{person, "1", true}, {Person{Identifier: "grace@example.com"}, "2", false}},
		},
		"sign_up_empty": SignUp{},
		"sign_up":       SignUp{Step: step, MinPassword: 8, Name: "Ada Lovelace"},
		"sign_up_name":  SignUp{Step: step, MinPassword: 8, Problem: ProblemName},
		"sign_up_email": SignUp{
			Step: step, MinPassword: 8,
			Name: "Ada Lovelace", Email: "ada@", Problem: ProblemEmail,
		},
		"sign_up_password": SignUp{
			Step: step, MinPassword: 8,
			Name: "Ada Lovelace", Email: "ada@example.com", Problem: ProblemPassword,
		},
		"sign_up_password_short":    SignUp{Step: step, MinPassword: 8, Problem: ProblemPasswordShort},
		"sign_up_password_personal": SignUp{Step: step, MinPassword: 8, Problem: ProblemPasswordPersonal},
		"sign_up_password_simple":   SignUp{Step: step, MinPassword: 8, Problem: ProblemPasswordSimple},
		"sign_up_unavailable": SignUp{
			Step: step, MinPassword: 8,
			Name: "Ada Lovelace", Email: "ada@example.com", Problem: ProblemUnavailable,
		},
		"login_passkey":          Login{Step: named, Passkey: asked},
		"login_passkey_unknown":  Login{Step: named, Passkey: &Passkey{Options: asked.Options, Unknown: "AAAA"}, Problem: ProblemPasskey},
		"login_stale":            Login{Step: named, Identifier: "ada@example.com", Problem: ProblemStale},
		"factor_empty":           Factor{},
		"factor":                 Factor{Step: step, Person: person, App: true, Recovery: true, Passkey: asked},
		"factor_app":             Factor{Step: step, Person: person, App: true},
		"factor_passkey":         Factor{Step: step, Person: person, Passkey: asked},
		"factor_recovery":        Factor{Step: step, Person: person, Recovery: true},
		"factor_denied":          Factor{Step: step, Person: person, App: true, Recovery: true, Problem: ProblemDenied},
		"factor_denied_recovery": Factor{Step: step, Person: person, App: true, Recovery: true, Recovering: true, Problem: ProblemDenied},
		"factor_denied_passkey":  Factor{Step: step, Person: person, Passkey: asked, Recovery: true, Problem: ProblemDenied},
		"factor_unavailable":     Factor{Step: step, Person: person, App: true, Problem: ProblemUnavailable},
		"enrol_empty":            Enrol{},
		"enrol":                  Enrol{Step: step, Person: person, App: app(), Passkey: asked},
		"enrol_app":              Enrol{Step: step, Person: person, App: app(), Problem: ProblemDenied},
		"enrol_passkey":          Enrol{Step: step, Person: person, Passkey: asked, Problem: ProblemDenied},
		"enrol_unavailable":      Enrol{Step: step, Person: person, App: app(), Problem: ProblemUnavailable},
		"recovery_codes_empty":   RecoveryCodes{},
		"recovery_codes":         RecoveryCodes{Step: step, Codes: []string{"4F7K-9QXD-2MRT-8HWB", "0000-1111-2222-3333"}},
		"passkey_offer_empty":    PasskeyOffer{},
		"passkey_offer":          PasskeyOffer{Step: step, Person: person, Passkey: asked},
		"passkey_offer_again":    PasskeyOffer{Step: step, Person: person, Passkey: asked, Problem: ProblemPasskey},
		"sign_out_empty":         SignOut{},
		"sign_out": SignOut{
			Client: acme, Request: "sealed", ContinueURI: redirect,
			People: []Person{person, {Identifier: "grace@example.com"}}, Apps: []Client{acme, {Name: "Acme Mail"}},
		},
		"signing_out_empty": SigningOut{},
		"signing_out": SigningOut{
			Client: acme, ContinueURI: "https://app.acme.example/bye?state=a b&c;d",
			FrameURIs: []string{"https://app.acme.example/out?iss=https%3A%2F%2Fid.example&sid=1", "https://b.example/out"},
		},
		"signing_out_to_a_program": SigningOut{ContinueURI: "com.example.app:/bye?state=s"},
		"signed_out_empty":         SignedOut{},
		"signed_out":               SignedOut{Client: acme},
		"still_signed_in_empty":    StillSignedIn{},
		"still_signed_in":          StillSignedIn{Client: acme, ContinueURI: "https://app.acme.example/"},
		"check_session":            CheckSession{Cookie: "__Host-state"},
		"consent_empty":            Consent{},
		"consent": Consent{
			Step:   Step{Client: Client{Name: "Acme Notes", URI: "https://acme.example"}, Request: "sealed", RedirectURI: redirect},
			Person: person,
			Scopes: []Scope{{Name: "openid"}, {Name: "profile"}, {Name: "email"}, {Name: "offline_access"}},
		},
		"consent_full": Consent{
			Step: step, Person: person,
			Scopes: []Scope{
				{Name: "openid", Granted: true},
				{Name: "email", Granted: true},
				{Name: "notes:read", Description: "Read your notes"},
				{Name: "notes:write"},
				{Name: "offline_access"},
			},
		},
		"consent_unverified": Consent{
			Step:   Step{Client: Client{Name: "Acme Notes", Unverified: true}, Request: "sealed", RedirectURI: redirect},
			Person: person, Resources: []string{"Notes", "https://files.example"},
			Scopes: []Scope{{Name: "openid"}, {Name: "notes:read", Description: "Read your notes"}},
		},
		"error_empty": Error{},
		"error": Error{
			Fault: FaultRequest, Reason: "client_id is missing",
			RequestID: "5JQ2V7EXAMPLE", Time: time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC),
		},
		"error_dev": Error{
			Fault: FaultRequest, Reason: "redirect_uri is not one that the application registered",
			RequestID: "5JQ2V7EXAMPLE", Time: time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC),
			Dev: &DevDetail{
				Code: "invalid_request", Description: "redirect_uri is not registered", ClientID: "acme-notes",
				RedirectURI: "https://app.acme.example/callback/", Registered: []string{redirect, "http://localhost:3000/callback"},
			},
		},
		"error_sign_out":           Error{Fault: FaultSignOut},
		"error_form":               Error{Fault: FaultForm},
		"error_not_found":          Error{Fault: FaultNotFound},
		"error_dev_unknown_client": Error{Dev: &DevDetail{Code: "invalid_client", RedirectURI: redirect}},
		"expired":                  Expired{},
		"form_post_empty":          FormPost{},
		"form_post": FormPost{
			Client: acme, Action: redirect,
			Parameters: []Parameter{{"code", "c0de"}, {"state", `"><script>`}, {"iss", "https://id.example"}},
		},
		"dev_inbox_empty": DevInbox{},
		"dev_inbox":       DevInbox{Mails: []DevMail{devMail}},
		"dev_mail_empty":  DevMail{},
		"dev_mail":        devMail,
		"home":            Home{},
	}
	maps.Copy(all, linkExamples(step))
	maps.Copy(all, accountExamples())
	return all
}

func options() Options {
	return Options{Issuer: &url.URL{Scheme: "https", Host: "id.example"}, Name: "Gatelodge", Language: "en"}
}

func newPages(t *testing.T) *Pages {
	t.Helper()
	p, err := New(options())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func render(t *testing.T, p *Pages, page Page) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := p.Render(w, httptest.NewRequest(http.MethodGet, "/page", nil), http.StatusOK, page); err != nil {
		t.Fatal(err)
	}
	return w
}

// hashed finds the names of static files, which change with every change of style.
var hashed = regexp.MustCompile(`\.[0-9a-f]{12}\.`)

// own finds what a page has of its own, and wholly are the pages that are recorded
// with what the layout puts around that.
var (
	own    = regexp.MustCompile(`(?s)<html[^>]*>|<title>.*?</title>|<main.*</main>|<script.*</script>|<noscript>.*?</noscript>`)
	wholly = []string{"login", "home", "check_session"}
)

func TestPagesLookAsRecorded(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, page := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := hashed.ReplaceAll(render(t, p, page).Body.Bytes(), []byte(".hash."))
			if !slices.Contains(wholly, name) {
				got = bytes.Join(own.FindAll(got, -1), []byte("\n"))
			}
			golden := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("run with -update if this is meant (-want +got):\n%s", diff)
			}
		})
	}
}

// The policy has no unsafe-inline: what is inline would not work.
func TestPagesHaveNothingInline(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|javascript:`)
	p := newPages(t)
	for name, page := range examples() {
		if found := inline.FindString(render(t, p, page).Body.String()); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
}

// fetched finds what a page has the browser fetch by itself.
var fetched = regexp.MustCompile(`<(?:link|script|img)[^>]*\s(?:href|src)="([^"]*)"`)

// Nothing on a page is fetched from another host, which would learn who signs in.
func TestPagesAskNoOtherHost(t *testing.T) {
	t.Parallel()
	foreign := Client{Name: "Acme", LogoURI: "https://acme.example/logo.png"}
	pages := examples()
	pages["foreign logo"] = Login{Step: Step{Client: foreign}}
	foreign.LogoURI = "//acme.example/logo.png"
	pages["foreign logo without a scheme"] = Login{Step: Step{Client: foreign}}
	p := newPages(t)
	for name, page := range pages {
		for _, match := range fetched.FindAllStringSubmatch(render(t, p, page).Body.String(), -1) {
			if !regexp.MustCompile(`^(/static/|/logo/|data:image/)`).MatchString(match[1]) {
				t.Errorf("%s fetches %q", name, match[1])
			}
		}
	}
}

func TestFieldsHaveLabels(t *testing.T) {
	t.Parallel()
	input := regexp.MustCompile(`<input class="input" id="([^"]+)"`)
	p := newPages(t)
	for page, want := range map[Page]int{Login{}: 2, SignUp{}: 3} {
		body := render(t, p, page).Body.String()
		fields := input.FindAllStringSubmatch(body, -1)
		if len(fields) != want {
			t.Errorf("%T has %d fields, want %d", page, len(fields), want)
		}
		for _, field := range fields {
			if !strings.Contains(body, `<label for="`+field[1]+`">`) {
				t.Errorf("%T has no label for %s", page, field[1])
			}
		}
	}
}

// Of several elements with autofocus the browser takes the first, which need not
// be the one meant; with a problem it is the summary, so that it is read out.
func TestFormsFocusOneElement(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, page := range examples() {
		var problem Problem
		switch page := page.(type) {
		case Login:
			problem = page.Problem
		case SignUp:
			problem = page.Problem
		case AskMail:
			problem = page.Problem
		case CheckMail:
			if problem = page.Problem; page.Purpose == ToReset && problem == ProblemNone {
				continue // there is nothing to enter
			}
		case UseLink:
			problem = page.Problem
		default:
			continue
		}
		body := render(t, p, page).Body.String()
		if n := strings.Count(body, " autofocus>"); n != 1 {
			t.Errorf("%s focuses %d elements", name, n)
		}
		if problem != ProblemNone && !strings.Contains(body, `role="alert" tabindex="-1" autofocus>`) {
			t.Errorf("%s does not focus the summary", name)
		}
	}
}

func TestWhatOthersWriteIsEscaped(t *testing.T) {
	t.Parallel()
	const attack = `<b>"'{app}`
	client := Client{
		Name: attack, URI: "javascript:alert(1)", LogoURI: "javascript:alert(1)",
		PolicyURI: "javascript:alert(1)", TosURI: `https://x.example/">`,
	}
	pages := []Page{
		Login{Step: Step{Client: client, Request: attack}, Identifier: attack},
		Consent{
			Step:   Step{Client: client, Request: attack, RedirectURI: "https://" + attack},
			Person: Person{attack, attack},
			Scopes: []Scope{{Name: attack}, {Name: attack, Description: attack}},
		},
		Error{Reason: attack, RequestID: attack, Dev: &DevDetail{
			Code: attack, Description: attack, ClientID: attack, RedirectURI: attack, Registered: []string{attack},
		}},
		FormPost{Client: client, Action: "javascript:alert(1)", Parameters: []Parameter{{attack, attack}}},
		Choose{Step: Step{Client: client, Request: attack}, Accounts: []Account{{Person{attack, attack}, attack, false}}},
		SignUp{Step: Step{Client: client, Request: attack}, Name: attack, Email: attack},
		AskMail{Step: Step{Client: client, Request: attack}, Purpose: attack, Identifier: attack},
		CheckMail{Step: Step{Client: client, Request: attack}, Purpose: attack, Email: attack},
		UseLink{Step: Step{Client: client, Request: attack}, Purpose: attack, Token: attack, App: attack, Email: attack, ChoosesPassword: true},
		LinkUsed{Email: attack},
		LinkGone{Client: client, ContinueURI: "javascript:alert(1)"},
		Expired{Client: client, ContinueURI: "javascript:alert(1)"},
		SignOut{Client: client, Request: attack, People: []Person{{attack, attack}}},
		SigningOut{
			Client: client, ContinueURI: "javascript:alert(1)",
			FrameURIs: []string{"javascript:alert(1)", `https://x.example/">`},
		},
		SigningOut{ContinueURI: `https://x.example/">`},
		SignedOut{Client: client, ContinueURI: "javascript:alert(1)"},
		StillSignedIn{Client: client},
		CheckSession{Cookie: attack},
		DevInbox{Mails: []DevMail{{ID: attack, To: attack, Subject: attack}}},
		DevMail{
			ID: attack, From: attack, To: attack, Subject: attack, Text: attack, Code: attack,
			Links: []string{"javascript:alert(1)", `https://x.example/">`},
		},
	}
	p := newPages(t)
	for _, page := range pages {
		body := render(t, p, page).Body.String()
		for _, bad := range []string{"<b>", `"'`, "javascript:", `/">`} {
			if strings.Contains(body, bad) {
				t.Errorf("%T has %q", page, bad)
			}
		}
	}
}

func fetch(p *Pages, path, acceptEncoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", acceptEncoding)
	w := httptest.NewRecorder()
	p.Static().ServeHTTP(w, r)
	return w
}

// The budget of the login page: 4 requests and 30 KB, compressed, all told.
func TestLoginPageStaysSmall(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, example := range examples() {
		if _, ok := example.(Login); !ok {
			continue
		}
		body := render(t, p, example).Body.Bytes()
		page, err := compress(body)
		if err != nil {
			t.Fatal(err)
		}
		size, requests := len(page), 1
		for _, match := range fetched.FindAllSubmatch(body, -1) {
			if path := string(match[1]); strings.HasPrefix(path, "/static/") {
				size += fetch(p, path, "gzip").Body.Len()
				requests++
			}
		}
		t.Logf("%s: %d bytes in %d requests", name, size, requests)
		if size > 30_000 || requests > 4 {
			t.Errorf("%s: %d bytes in %d requests", name, size, requests)
		}
	}
}

func TestStaticFilesAreServedForGood(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for name, path := range p.static.paths {
		plain, compressed := fetch(p, path, "br"), fetch(p, path, "br, gzip")
		if compressed.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: the encoding is not what was accepted", name)
		}
		for _, w := range []*httptest.ResponseRecorder{plain, compressed} {
			got := w.Header().Clone()
			got.Del("Content-Encoding")
			got.Del("Content-Type")
			want := http.Header{
				"Cache-Control":           {"public, max-age=31536000, immutable"},
				"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'; sandbox"},
				"Vary":                    {"Accept-Encoding"},
				"X-Content-Type-Options":  {"nosniff"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		parts := []string{name}
		if name == "sign-in.js" {
			parts = []string{"page.js", "passkey.js"}
		}
		var want []byte
		for _, part := range parts {
			content, err := files.ReadFile("static/" + part)
			if err != nil {
				t.Error(err)
			}
			want = append(want, content...)
		}
		if !bytes.Equal(want, plain.Body.Bytes()) {
			t.Errorf("%s is not what is in %v", name, parts)
		}
	}
	if w := fetch(p, "/static/style.css", ""); w.Code != http.StatusNotFound {
		t.Errorf("a name without its hash: status %d, want 404", w.Code)
	}
}

// RFC 8252 §8.6: an app shows by no host that it is another.
func TestDestinationIsWhoGetsTheAnswer(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example:8443/cb":         "app.example:8443",
		"http://127.0.0.1:8080/cb":            "127.0.0.1:8080",
		"com.evil.app:/cb":                    "com.evil.app:",
		"com.evil.app://accounts.example/cb":  "com.evil.app:",
		"com.evil.app://accounts.example:1/c": "com.evil.app:",
		"":                                    "",
	} {
		if got := (Consent{Step: Step{RedirectURI: uri}}).Destination(); got != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
}

// Every page there is has its examples, in which a mistake of its template shows.
func TestEveryPageHasAnExample(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, page := range examples() {
		seen[page.template()] = true
	}
	for _, page := range allPages() {
		if !seen[page.template()] {
			t.Errorf("no example of %T", page)
		}
	}
}

// A page can be rendered in every language, as empty and as full as it gets.
func TestPagesAreInEveryLanguage(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, texts := range p.Languages() {
		for name, page := range examples() {
			if _, err := p.execute(p.view(texts, page)); err != nil {
				t.Errorf("%s, %s: %v", texts.Lang, name, err)
			}
		}
	}
}

// A page is rendered in far less than 5 ms.
func BenchmarkRender(b *testing.B) {
	p, err := New(options())
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Language", "de-CH, de;q=0.9, en;q=0.8")
	for b.Loop() {
		if err := p.Render(httptest.NewRecorder(), r, http.StatusOK, examples()["login_denied"]); err != nil {
			b.Fatal(err)
		}
	}
}

// Every start pays for it.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(options()); err != nil {
			b.Fatal(err)
		}
	}
}
