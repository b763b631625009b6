package e2e

import (
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// object is JSON.
type object = map[string]any

// app is an application with pages of its own: where answers are posted to, where
// people come back to signed out, and what other specifications have in a frame.
type app struct {
	*provider
	id, url string
	// answers are what was posted to its redirect URI.
	answers chan url.Values
	// signedOut are the queries of the front-channel logouts that it was told of.
	signedOut chan url.Values
}

// newApp starts an application at a port of its own and registers it, with further
// metadata. Addresses in these that begin with a slash are the application's.
func newApp(t *testing.T, p *provider, metadata object) *app {
	t.Helper()
	return newAppAt(t, p, "127.0.0.1", metadata)
}

// newAppAt has it be at one of the names of this machine.
func newAppAt(t *testing.T, p *provider, host string, metadata object) *app {
	t.Helper()
	a := &app{provider: p, answers: make(chan url.Values, 1), signedOut: make(chan url.Values, 1)}
	server := httptest.NewServer(a.routes())
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	a.id, a.url = "app-"+port, "http://"+host+":"+port
	client := object{
		"client_id": a.id, "client_secret": providertest.ClientSecret, "client_name": "Acme Notes",
		"redirect_uris": []string{a.url + "/callback"}, "post_logout_redirect_uris": []string{a.url + "/signed-out"},
	}
	for name, value := range metadata {
		if s, ok := value.(string); ok && strings.HasPrefix(s, "/") {
			value = a.url + s
		}
		client[name] = value
	}
	document, err := json.Marshal(object{"clients": []object{client}}) // which is YAML too
	if err != nil {
		t.Fatal(err)
	}
	p.apply(t, string(document))
	return a
}

// sessionPage is a page as OpenID Connect Session Management §3.1 has it.
var sessionPage = template.Must(template.New("").Parse(`<!doctype html><title>Session</title>
<iframe id="op" src="{{.Frame}}"></iframe>
<script>
  const loaded = new Promise((done) => { document.getElementById("op").onload = done })
  async function ask(message) {
    await loaded
    const answer = new Promise((done) => {
      addEventListener("message", (e) => { if (e.origin === {{.Issuer}}) done(e.data) }, { once: true })
    })
    document.getElementById("op").contentWindow.postMessage(message, {{.Issuer}})
    return answer
  }
</script>`))

// logo is a square of one colour.
func logo(w http.ResponseWriter, _ *http.Request) {
	square := image.NewRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(square, square.Bounds(), image.NewUniform(color.RGBA{R: 0xd9, G: 0x48, B: 0x0f, A: 0xff}), image.Point{}, draw.Src)
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, square)
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil {
			a.answers <- r.PostForm
		}
		_, _ = fmt.Fprint(w, "<!doctype html><title>Done</title><p id=done>Done")
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>Done</title><p id=done>Done")
	})
	mux.HandleFunc("GET /signed-out", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>Bye</title><p id=bye>Bye")
	})
	mux.HandleFunc("GET /frontchannel", func(_ http.ResponseWriter, r *http.Request) { a.signedOut <- r.URL.Query() })
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, _ *http.Request) {
		_ = sessionPage.Execute(w, object{"Frame": a.URL + "/check_session", "Issuer": a.URL})
	})
	mux.HandleFunc("GET /logo.png", logo)
	return mux
}

// request is the URL of an authorization request whose answer is posted, with
// changes.
func (a *app) request(changes ...string) string {
	params := providertest.AuthorizeParams(map[string]string{
		"client_id": a.id, "redirect_uri": a.url + "/callback", "response_mode": "form_post",
		"scope": "openid profile email",
	})
	return a.URL + "/authorize?" + providertest.With(params, changes...).Encode()
}

// answer waits until the browser has brought the answer and shows that it has.
func (a *app) answer(tab *tab) url.Values {
	tab.Helper()
	answer := receive(tab.T, a.answers, "the answer")
	tab.Do(chromedp.WaitVisible(chromedp.CSS("#done")))
	return answer
}

// tokens are what the answer's code is good for.
func (a *app) tokens(tab *tab) providertest.Tokens {
	tab.Helper()
	form := providertest.With(providertest.CodeForm(a.answer(tab).Get("code")), "redirect_uri", a.url+"/callback")
	return a.Granted(tab.T, form, a.id, providertest.ClientSecret)
}

// person is the sub that the answer leads to.
func (a *app) person(tab *tab) any {
	tab.Helper()
	_, claims := providertest.JWT(tab.T, a.tokens(tab).Get("id_token"))
	return claims["sub"]
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}
