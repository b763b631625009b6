package register_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/register"
)

// sector is a site that publishes its redirect URIs, which the test changes.
type sector struct {
	*httptest.Server
	document atomic.Value
	calls    atomic.Int32
}

// withSector starts a sector and a provider that may call it.
func withSector(t *testing.T, document string, changes ...func(*config.Config)) (*sector, *providertest.Provider) {
	t.Helper()
	s := &sector{}
	s.document.Store(document)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		body, _ := s.document.Load().(string)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s, open(t, append(changes, func(c *config.Config) { c.Outbound = providertest.Outbound(t, s.Server) })...)
}

const other = "https://other.example/callback"

func (s *sector) pairwise() map[string]any {
	return map[string]any{
		"redirect_uris": []string{callback, other}, "subject_type": "pairwise", "sector_identifier_uri": s.URL + "/all.json",
	}
}

// OpenID Connect Registration §5, oidcc-registration-sector-uri: the sector lists
// all redirect URIs, at registration and at each update.
func TestSectorListsTheRedirectURIs(t *testing.T) {
	t.Parallel()
	s, p := withSector(t, `["https://third.example", "`+callback+`", "`+other+`"]`)
	r := registered(t, p, "", s.pairwise())
	d := s.pairwise()
	d["redirect_uris"] = []string{callback, "https://evil.example/callback"}
	providertest.Refused(t, r.put(t, d), http.StatusBadRequest, "invalid_client_metadata")
	if res := r.put(t, s.pairwise()); res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
}

// A list that has been added to is fetched again, if some time has passed.
func TestSectorIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, p := withSector(t, `["`+callback+`"]`)
	providertest.Refused(t, send(t, p, http.MethodPost, "/register", "", s.pairwise()), http.StatusBadRequest, "invalid_client_metadata")
	s.document.Store(`["` + callback + `", "` + other + `"]`)
	p.Clock.Advance(time.Minute)
	registered(t, p, "", s.pairwise())
}

// oidcc-registration-sector-bad, and documents that are none.
func TestSectorsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"another URI": `["https://third.example"]`, "one of two": `["` + callback + `"]`, "no URI": `[]`,
		"an object": `{"redirect_uris":["` + callback + `","` + other + `"]}`, "no JSON": callback + " " + other,
		"numbers too": `["` + callback + `","` + other + `",1]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := withSector(t, document)
			res := send(t, p, http.MethodPost, "/register", "", s.pairwise())
			providertest.Refused(t, res, http.StatusBadRequest, "invalid_client_metadata")
			if s.calls.Load() == 0 {
				t.Error("nothing was fetched")
			}
		})
	}
}

// Nothing is fetched for what is refused anyway, nor from where we may not call.
func TestSectorIsNotFetchedInVain(t *testing.T) {
	t.Parallel()
	s, p := withSector(t, `["`+callback+`", "`+other+`"]`)
	d := s.pairwise()
	d["response_types"] = []string{"token"}
	providertest.Refused(t, send(t, p, http.MethodPost, "/register", "", d), http.StatusBadRequest, "invalid_client_metadata")
	elsewhere := open(t)
	providertest.Refused(t, send(t, elsewhere, http.MethodPost, "/register", "", s.pairwise()), http.StatusBadRequest, "invalid_client_metadata")
	if n := s.calls.Load(); n > 0 {
		t.Errorf("%d calls", n)
	}
}

// OpenID Connect Registration §3: who has no initial access token, where one is
// needed, has us fetch nothing, and learns nothing of the operator's scopes.
func TestMadeUpInitialAccessTokenIsGoodForNothing(t *testing.T) {
	t.Parallel()
	s, p := withSector(t, `["`+callback+`", "`+other+`"]`, func(c *config.Config) { c.Registration.Policy = "token" })
	made := register.NewInitialAccessToken()
	unauthorized(t, send(t, p, http.MethodPost, "/register", made, s.pairwise()))
	unauthorized(t, send(t, p, http.MethodPost, "/register", made, document(map[string]any{"scope": "unheard.of"})))
	unauthorized(t, send(t, p, http.MethodPost, "/register", made, document(map[string]any{"scope": providertest.APIScope})))
	if n := s.calls.Load(); n > 0 {
		t.Errorf("%d calls", n)
	}
}

// Hardening 9, everything is bounded: one registration does not make us call address
// after address.
func TestUpdatesOfAClientAreLimited(t *testing.T) {
	t.Parallel()
	s, p := withSector(t, `["`+callback+`", "`+other+`"]`)
	r := registered(t, p, "", s.pairwise())
	for i := range 100 {
		d := s.pairwise()
		d["sector_identifier_uri"] = s.URL + "/" + strconv.Itoa(i)
		if res := r.put(t, d); res.StatusCode != http.StatusOK {
			t.Fatalf("update %d: status %d: %s", i, res.StatusCode, res.Body)
		}
	}
	calls := s.calls.Load()
	d := s.pairwise()
	d["sector_identifier_uri"] = s.URL + "/one/more"
	if res := r.put(t, d); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	if n := s.calls.Load(); n != calls {
		t.Errorf("%d calls more", n-calls)
	}
	p.Clock.Advance(24 * time.Hour)
	if res := r.put(t, d); res.StatusCode != http.StatusOK {
		t.Errorf("a day later: status %d: %s", res.StatusCode, res.Body)
	}
}
