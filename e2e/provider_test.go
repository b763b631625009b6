package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/smtptest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// provider is `gatelodge serve`, with the fixtures of package providertest.
type provider struct {
	*providertest.Provider
	*process
	dir string
	env []string
	ops string // URL of the ops listener
	// database is the URL of the Postgres database, "" for SQLite.
	database string
	// mails is the mail server that it sends by.
	mails *smtptest.Server
}

// newProvider starts a provider on a fresh SQLite file, or on the migrated
// Postgres database, with further settings. Ports, directory and data stay the
// same when it is started again.
func newProvider(t *testing.T, database string, settings ...string) *provider {
	t.Helper()
	return newProviderThrough(t, database, database, settings...)
}

// newProviderThrough starts a provider that reaches the Postgres database by
// another URL than we do.
func newProviderThrough(t *testing.T, database, through string, settings ...string) *provider {
	t.Helper()
	addr, ops := "localhost:"+freePort(t), "localhost:"+freePort(t)
	issuer := "http://" + addr
	if slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "GATELODGE_HTTP_TLS") }) {
		issuer = "https://" + addr
	}
	mails := smtptest.New(t, smtptest.Options{})
	p := &provider{
		Provider: providertest.At(issuer),
		mails:    mails,
		dir:      t.TempDir(),
		ops:      "http://" + ops,
		database: database,
		env: append([]string{
			"GATELODGE_ISSUER=" + issuer,
			"GATELODGE_HTTP_ADDR=" + addr,
			"GATELODGE_OPS_ADDR=" + ops,
			"GATELODGE_SECRET=" + providertest.MasterSecret,
			"DATABASE_URL=" + through,
			"GATELODGE_MAIL_URL=smtp://" + mails.Addr, "GATELODGE_MAIL_FROM=" + providertest.MailFrom,
			// The cheapest hash that is argon2id: it is not what is tested.
			"GATELODGE_PASSWORD_MEMORY_KIB=8", "GATELODGE_PASSWORD_TIME=1",
		}, settings...),
	}
	fixtures, err := os.ReadFile("testdata/fixtures.yaml")
	if err != nil {
		t.Fatal(err)
	}
	run(t, p.dir, p.env, program("gatelodge"), "migrate")
	p.apply(t, string(fixtures))
	p.start(t)
	return p
}

// apply creates and changes what the YAML says.
func (p *provider) apply(t *testing.T, yaml string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "apply.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, p.dir, p.env, program("gatelodge"), "apply", "-f", file)
}

// start starts the provider, which does not run, and waits until it serves.
func (p *provider) start(t *testing.T) {
	t.Helper()
	p.process = start(t, p.dir, p.env, program("gatelodge"), "serve")
	p.says(t, `"msg":"serving"`)
}

// client is a client or a browser whose connections do not outlive a request, as
// the provider does not outlive the test that it is in.
func (p *provider) client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, Timeout: patience,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// read looks into the database that the provider runs on.
func (p *provider) read(t *testing.T, wanted storage.Wanted) storage.State {
	t.Helper()
	db := p.open(t)
	state, err := db.Read(t.Context(), wanted)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return state
}

// open opens the database that the provider runs on.
func (p *provider) open(t *testing.T) storage.Store {
	t.Helper()
	var db storage.Store
	var err error
	if p.database != "" {
		db, err = postgres.Open(t.Context(), postgres.Config{URL: p.database})
	} else {
		db, err = sqlite.OpenShared(t.Context(), p.file())
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// file is the SQLite file.
func (p *provider) file() string { return filepath.Join(p.dir, "data", "gatelodge.db") }

// onEachDatabase runs the test against a provider on SQLite and one on Postgres,
// with further settings.
func onEachDatabase(t *testing.T, test func(*testing.T, *provider), settings ...string) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newProvider(t, "", settings...))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newProvider(t, pgtest.NewDatabase(t), settings...))
	})
}

// readTokens reads an answer of the token endpoint, all of it.
func readTokens(res *http.Response) (providertest.Tokens, error) {
	defer res.Body.Close()
	var tokens providertest.Tokens
	err := json.NewDecoder(res.Body).Decode(&tokens)
	return tokens, err
}

// query is what an URL's query says.
func query(t *testing.T, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// everything are the settings of a provider that has all of it on, for clients on
// this machine.
func everything() []string {
	return []string{
		"GATELODGE_KEYS_ALGORITHMS=RS256,PS256,ES256,EdDSA",
		"GATELODGE_ACCOUNTS_SIGN_UP=true",
		"GATELODGE_REGISTRATION_POLICY=open", "GATELODGE_REGISTRATION_PER_NETWORK=1000",
		"GATELODGE_OUTBOUND_ALLOW=127.0.0.0/8,::1/128", "GATELODGE_OUTBOUND_HTTP=true",
	}
}
