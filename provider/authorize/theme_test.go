package authorize_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// The pages look like the operator's, and on the way to an application like its own.
func TestPagesHaveTheThemeOfTheApplication(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Configure: func(c *config.Config) {
		c.Theme.Name, c.Theme.Brand = "Acme ID", "#1d4ed8"
	}})
	page := p.Authorize(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	wantPage(t, page, http.StatusOK, "Acme ID</title>")
	sheets := regexp.MustCompile(`<link rel="stylesheet" href="([^"]*)">`)
	if found := sheets.FindAllStringSubmatch(page.Body, -1); len(found) != 1 {
		t.Fatalf("style sheets: %v", found)
	}
	p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.Theme.Brand = "#b91c1c" })
	page = p.Authorize(t, providertest.Browser(t), providertest.AuthorizeParams(nil))
	var css []string
	for _, sheet := range sheets.FindAllStringSubmatch(page.Body, -1) {
		css = append(css, p.Get(t, p.Client(), sheet[1]).Body)
	}
	if len(css) != 2 || !strings.Contains(css[0], "--primary:#1d4ed8;") || !strings.Contains(css[1], "--primary:#b91c1c;") {
		t.Errorf("%d style sheets, of which the last is %q", len(css), css[len(css)-1])
	}
}
