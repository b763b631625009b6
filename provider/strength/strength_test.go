package strength_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

func TestStrengthIsJudgedWithWhatThePageKnows(t *testing.T) {
	t.Parallel()
	p, browser := providertest.New(t, providertest.Options{}), providertest.Browser(t)
	judge := func(form url.Values) float64 {
		t.Helper()
		strength, ok := p.Post(t, browser, "/password-strength", form).JSON(t)["strength"].(float64)
		if !ok {
			t.Fatal("there is no strength")
		}
		return strength
	}
	const password = "nina-newcomer-nina"
	if alone, known := judge(url.Values{"password": {password}}), judge(url.Values{
		"password": {password}, "about": {"Nina Newcomer"},
	}); known >= alone {
		t.Errorf("%v for whoever is called so, %v for others", known, alone)
	}
	// Whoever sends a book has no more of it looked for than a name and an address.
	if alone, book := judge(url.Values{"password": {password}}), judge(url.Values{
		"password": {password}, "about": {strings.Repeat("word ", 1000) + "Nina Newcomer"},
	}); book != alone {
		t.Errorf("%v with a book, %v without", book, alone)
	}
	if weak, strong := judge(url.Values{"password": {"password"}}), judge(url.Values{
		"password": {"seven seas of a sailor boy"},
	}); weak != 0 || strong != 4 {
		t.Errorf("weak is %v and strong is %v", weak, strong)
	}
	if none := judge(url.Values{}); none != 0 {
		t.Errorf("no password is %v", none)
	}
}

// Other sites cannot use it, and nothing that it is asked is logged.
func TestStrengthIsForOurPages(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	p := providertest.New(t, providertest.Options{Log: &log})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/password-strength", strings.NewReader("password=tell-nobody"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := providertest.Do(t, p.Client(), r); res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", res.StatusCode)
	}
	p.Post(t, providertest.Browser(t), "/password-strength", url.Values{"password": {"tell-nobody"}})
	p.Close()
	if strings.Contains(log.String(), "tell-nobody") {
		t.Error("the log has the password")
	}
}
