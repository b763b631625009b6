package wellknown_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

func TestPasswordManagersFindThePages(t *testing.T) {
	t.Parallel()
	p, browser := providertest.New(t, providertest.Options{}), providertest.Browser(t)
	res := p.Get(t, browser, "/.well-known/change-password")
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusFound || to != p.URL+"/account/password" {
		t.Errorf("status %d, to %q", res.StatusCode, to)
	}
	for name, uri := range p.Get(t, browser, "/.well-known/passkey-endpoints").JSON(t) {
		page, _ := uri.(string)
		if res := p.Get(t, browser, strings.TrimPrefix(page, p.URL)); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s is status %d", name, page, res.StatusCode)
		}
	}
}

// RFC 9116 §2.5.
func TestSecurityContactIsPublished(t *testing.T) {
	t.Parallel()
	const contact = "mailto:security@example.com"
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) { c.SecurityContact = contact }})
	res := p.Get(t, providertest.Browser(t), "/.well-known/security.txt")
	want := "Contact: " + contact + "\nExpires: " + p.Clock.Now().Add(30*24*time.Hour).Format(time.RFC3339) +
		"\nCanonical: " + p.URL + "/.well-known/security.txt\n"
	if res.Body != want || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("got %q, want %q", res.Body, want)
	}
	silent := providertest.New(t, providertest.Options{})
	if res := silent.Get(t, providertest.Browser(t), "/.well-known/security.txt"); res.StatusCode != http.StatusNotFound {
		t.Errorf("without a contact: status %d", res.StatusCode)
	}
}
