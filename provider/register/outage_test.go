package register_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// An outage is never a refusal: nobody's token is wrong because nobody knows.
func TestOutageIsNoRefusal(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := providertest.New(t, providertest.Options{Store: db, Configure: func(c *config.Config) { c.Registration.Policy = "open" }})
	r := registered(t, p, "", document(nil))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	update := document(map[string]any{"client_id": r.id})
	for name, res := range map[string]providertest.Response{
		"create":            send(t, p, http.MethodPost, "/register", "", document(nil)),
		"create with token": send(t, p, http.MethodPost, "/register", register.NewInitialAccessToken(), document(nil)),
		"read":              send(t, p, http.MethodGet, r.uri, r.token, nil),
		"read, wrong token": send(t, p, http.MethodGet, r.uri, "glm_wrong", nil),
		"update":            send(t, p, http.MethodPut, r.uri, r.token, update),
		"delete":            send(t, p, http.MethodDelete, r.uri, r.token, nil),
	} {
		t.Log(name)
		providertest.Refused(t, res, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
}

// Neither the tokens of registration nor the secret are logged.
func TestNoTokenOfRegistrationIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := providertest.New(t, providertest.Options{Log: &log, Configure: func(c *config.Config) { c.Registration.Policy = "token" }})
	initial := initialToken(t, p, 1)
	r := registered(t, p, initial, document(nil))
	r.read(t)
	r.put(t, document(map[string]any{"client_secret": r.secret}))
	send(t, p, http.MethodPost, "/register", initial, document(nil))
	send(t, p, http.MethodGet, r.uri, r.token+"x", nil)
	p.Close() // which waits for the last line
	for what, value := range map[string]string{"initial access token": initial, "registration access token": r.token, "secret": r.secret} {
		if strings.Contains(log.String(), value) {
			t.Errorf("the %s is in the log", what)
		}
	}
	if !strings.Contains(log.String(), `"event":"client registered"`) || !strings.Contains(log.String(), r.id) {
		t.Error("the log does not tell who registered")
	}
}
