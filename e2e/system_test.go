package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// system is the provider, the sample API and the sample app together.
type system struct {
	*provider
	app string // URL of the sample app
}

// newSystem starts the three programs, on free ports.
func newSystem(t *testing.T, p *provider) *system {
	t.Helper()
	api, app := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	p.apply(t, fmt.Sprintf("resource_servers: [{identifier: 'http://%s', name: Sample API}]", api))
	start(t, p.dir, []string{
		"SAMPLE_API_ADDR=" + api, "SAMPLE_API_AUDIENCE=http://" + api, "SAMPLE_API_ISSUER=" + p.URL,
		"DATABASE_URL=" + p.database,
	}, program("resource-server"))
	start(t, p.dir, []string{
		"SAMPLE_APP_ADDR=" + app, "SAMPLE_APP_URL=http://" + app, "SAMPLE_APP_API=http://" + api,
		"SAMPLE_APP_ISSUER=" + p.URL, "SAMPLE_APP_CLIENT_SECRET=" + providertest.ClientSecret,
	}, program("sample-app"))
	answers(t, "http://"+api+"/healthz")
	answers(t, "http://"+app+"/")
	return &system{provider: p, app: "http://" + app}
}

// answers waits until the URL answers with 200.
func answers(t *testing.T, url string) {
	t.Helper()
	within(t, patience, url+" answers", func() bool {
		res, err := http.Get(url)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// shows checks that the text has all the parts.
func shows(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is not in %q", what, part, text)
		}
	}
}
