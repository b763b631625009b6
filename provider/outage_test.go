package provider_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// requests are requests of the back channel that need the database, with what
// is good for them and with what is not.
func requests(t *testing.T, p *providertest.Provider) map[string]request {
	t.Helper()
	browser := providertest.Browser(t)
	code := p.Code(t, browser, providertest.AuthorizeParams(nil))
	spent := p.Code(t, browser, providertest.AuthorizeParams(nil))
	tokens := p.Granted(t, providertest.CodeForm(spent))
	access, refresh := tokens.Get("access_token"), tokens.Get("refresh_token")
	return map[string]request{
		"code":          token(t, p, providertest.CodeForm(code)),
		"spent code":    token(t, p, providertest.CodeForm(spent)),
		"unknown code":  token(t, p, providertest.CodeForm("glc_x")),
		"refresh":       token(t, p, providertest.RefreshForm(refresh)),
		"wrong refresh": token(t, p, providertest.RefreshForm("glr_x")),
		"password": token(t, p, url.Values{
			"grant_type": {"password"}, "username": {"alex"}, "password": {providertest.Password},
		}),
		"wrong password":     token(t, p, url.Values{"grant_type": {"password"}, "username": {"alex"}, "password": {"x"}}),
		"client_credentials": clientCredentials(t, p),
		"wrong secret":       token(t, p, providertest.CodeForm("glc_x"), providertest.ClientID, "wrong"),
		"unknown client":     token(t, p, providertest.CodeForm("glc_x"), "nobody", "wrong"),
		"introspect":         about(t, p, "/introspect", providertest.APIClientID, access),
		"introspect refresh": about(t, p, "/introspect", providertest.ClientID, refresh),
		"introspect opaque":  about(t, p, "/introspect", providertest.APIClientID, "gla_x"),
		"introspect nothing": about(t, p, "/introspect", providertest.APIClientID, "x"),
		"introspect a JWT signed with a key that may be new": about(t, p, "/introspect", providertest.APIClientID, newKeyJWT()),
		"revoke":         about(t, p, "/revoke", providertest.ClientID, refresh),
		"revoke nothing": about(t, p, "/revoke", providertest.ClientID, "x"),
		"userinfo":       func() providertest.Response { return p.Bearer(t, "/userinfo", access) },
		"userinfo with an opaque token": func() providertest.Response {
			return p.Bearer(t, "/userinfo", "gla_x")
		},
		"userinfo with a JWT signed with a key that may be new": func() providertest.Response {
			return p.Bearer(t, "/userinfo", newKeyJWT())
		},
	}
}

// newKeyJWT is a JWT as another node could have signed it with a key of ours that
// this one has not seen yet.
func newKeyJWT() string {
	header := `{"alg":"ES256","kid":"` + strings.Repeat("A", 43) + `","typ":"at+jwt"}`
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30." + strings.Repeat("A", 86)
}

// An outage is never a refusal: whoever asks gets to know that nobody knows.
func unavailable(t *testing.T, requests map[string]request) {
	t.Helper()
	for name, send := range requests {
		res := send()
		if res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, res.Body)
			continue
		}
		providertest.Refused(t, res, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
}

// documents need no database.
func documents(t *testing.T, p *providertest.Provider) {
	t.Helper()
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		if res := p.Get(t, p.Client(), path); res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
}

func withPasswordGrant(c *config.Config) { c.Grants.Password = true }

func TestOutageIsNeverARefusal(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := providertest.New(t, providertest.Options{Store: db, Configure: withPasswordGrant})
	all := requests(t, p)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(client.Freshness)
	unavailable(t, all)
	documents(t, p)
}

// And when PostgreSQL is back, so are we, by ourselves, and nothing was lost.
func TestRecoveryNeedsNobody(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pgtest.Server){
		"stopped": (*pgtest.Server).Stop, "killed": (*pgtest.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.NewServer(t)
			store := providertest.Postgres(t, server.URL("postgres"), nil)
			p := providertest.New(t, providertest.Options{Store: store, Configure: withPasswordGrant})
			all := requests(t, p)
			end(server)
			p.Clock.Advance(client.Freshness)
			unavailable(t, all)
			documents(t, p)

			server.Start(t)
			for _, name := range []string{"code", "refresh", "password", "client_credentials", "introspect", "userinfo", "revoke"} {
				if res := all[name](); res.StatusCode != http.StatusOK {
					t.Errorf("%s: status %d: %s", name, res.StatusCode, res.Body)
				}
			}
			if res := all["wrong refresh"](); res.StatusCode != http.StatusBadRequest {
				t.Errorf("a wrong refresh token: status %d", res.StatusCode)
			}
		})
	}
}

// A database that can be read and not written, as after a failover, is an outage
// for all that has to be written: nothing is granted, and no revocation reported
// that has not taken place.
func TestWriteThatFailsIsAnOutage(t *testing.T) {
	t.Parallel()
	address := pgtest.NewDatabase(t)
	store := providertest.Postgres(t, address, nil)
	p := providertest.New(t, providertest.Options{Store: store, Configure: withPasswordGrant})
	p.ChangeClient(t, providertest.MachineID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = "opaque" })
	machine := p.Granted(t, url.Values{"grant_type": {"client_credentials"}}, providertest.MachineID, secret)
	jwt := p.Tokens(t)
	all := requests(t, p)
	writes := map[string]request{
		"spent code, without its verifier": all["spent code"],
		"client_credentials, opaque":       clientCredentials(t, p),
		"revoke an access token":           about(t, p, "/revoke", providertest.ClientID, jwt.Get("access_token")),
		"revoke a client's own token":      about(t, p, "/revoke", providertest.MachineID, machine.Get("access_token")),
	}
	for _, name := range []string{"code", "refresh", "password", "wrong password", "revoke"} {
		writes[name] = all[name]
	}
	p.Clock.Advance(3 * time.Second) // a code that comes back now has been stolen
	readOnly(t, address)
	unavailable(t, writes)
	for _, name := range []string{"introspect", "userinfo"} {
		if res := all[name](); res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, res.Body)
		}
	}
}

// readOnly lets nobody write to the database any more.
func readOnly(t *testing.T, address string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{
		`ALTER DATABASE ` + conn.Config().Database + ` SET default_transaction_read_only = on`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}
