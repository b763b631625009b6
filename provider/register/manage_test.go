package register_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// put replaces the metadata.
func (r registration) put(t *testing.T, d map[string]any) providertest.Response {
	t.Helper()
	d = maps.Clone(d)
	d["client_id"] = r.id
	return send(t, r.p, http.MethodPut, r.uri, r.token, d)
}

// RFC 7592 §2: nobody but who has the token gets at a registration, and a client
// that there is not answers as one whose token is wrong.
func TestRegistrationNeedsItsToken(t *testing.T) {
	t.Parallel()
	p := open(t)
	mine, other := registered(t, p, "", document(nil)), registered(t, p, "", document(nil))
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		body := map[string]any{"client_id": mine.id, "redirect_uris": []string{"https://evil.example"}}
		for name, token := range map[string]string{
			"none": "", "another client's": other.token, "altered": mine.token + "x", "the secret": mine.secret,
		} {
			res := send(t, p, method, mine.uri, token, body)
			unauthorized(t, res)
			if name == "none" {
				continue
			}
			nobody := send(t, p, method, "/register/nobody", token, body)
			if res.Body != nobody.Body || res.Header.Get("WWW-Authenticate") != nobody.Header.Get("WWW-Authenticate") {
				t.Errorf("%s, %s: %s is told from %s", method, name, res.Body, nobody.Body)
			}
		}
		for _, id := range []string{providertest.ClientID, "%00", "a%2Fb", "%ff"} { // the operator's, and none
			unauthorized(t, send(t, p, method, "/register/"+id, mine.token, body))
		}
	}
	if diff := cmp.Diff(mine.stored(t).Metadata, other.stored(t).Metadata); diff != "" {
		t.Error(diff)
	}
}

// RFC 7592 §2.2: an update replaces everything, keeps the secret, and is told in
// full.
func TestUpdateReplacesEverything(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(map[string]any{"client_name": "Before", "tos_uri": "https://client.example/terms"}))
	p.Clock.Advance(1)
	res := r.put(t, document(map[string]any{"client_name": "After", "policy_uri": nil, "client_secret": r.secret}))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	want := maps.Clone(r.answer)
	want["client_name"] = "After"
	delete(want, "tos_uri")
	delete(want, "client_secret")
	if diff := cmp.Diff(want, res.JSON(t)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, r.read(t)); diff != "" {
		t.Error(diff)
	}
	// The secret is still good, on the node that has changed it at once.
	refused := p.Token(t, url.Values{"grant_type": {"authorization_code"}, "code": {"glc_x"}}, r.id, r.secret)
	providertest.InvalidGrant(t, refused)
}

// RFC 7592 §2.2: what an update may not say.
func TestUpdatesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(nil))
	for name, c := range map[string]struct {
		document map[string]any
		code     string
	}{
		"another client_id":         {document(map[string]any{"client_id": "other"}), "invalid_request"},
		"no client_id":              {document(nil), "invalid_request"},
		"another secret":            {document(map[string]any{"client_id": r.id, "client_secret": "my own choice"}), "invalid_request"},
		"registration_access_token": {document(map[string]any{"client_id": r.id, "registration_access_token": r.token}), "invalid_request"},
		"registration_client_uri":   {document(map[string]any{"client_id": r.id, "registration_client_uri": r.uri}), "invalid_request"},
		"client_id_issued_at":       {document(map[string]any{"client_id": r.id, "client_id_issued_at": 1}), "invalid_request"},
		"client_secret_expires_at":  {document(map[string]any{"client_id": r.id, "client_secret_expires_at": 0}), "invalid_request"},
		"a fragment":                {map[string]any{"client_id": r.id, "redirect_uris": []string{callback + "#x"}}, "invalid_redirect_uri"},
		"the scope of an API":       {document(map[string]any{"client_id": r.id, "scope": providertest.APIScope}), "invalid_client_metadata"},
		"to act for itself": {document(map[string]any{
			"client_id": r.id, "grant_types": []string{"authorization_code", "client_credentials"},
		}), "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := send(t, p, http.MethodPut, r.uri, r.token, c.document)
			providertest.Refused(t, res, http.StatusBadRequest, c.code)
		})
	}
}

// A client keeps what it was invited to have, and its secret follows its method
// of authentication.
func TestUpdateKeepsWhatTheClientHad(t *testing.T) {
	t.Parallel()
	p := open(t)
	machine := map[string]any{"grant_types": []string{"client_credentials"}, "scope": providertest.APIScope}
	r := registered(t, p, initialToken(t, p, 1), machine)
	machine["client_name"] = "Machine"
	if res := r.put(t, machine); res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", res.StatusCode, res.Body)
	}
	public := document(map[string]any{"token_endpoint_auth_method": "none"})
	if res := r.put(t, public); res.StatusCode != http.StatusOK || res.JSON(t)["client_secret_expires_at"] != nil {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
	providertest.Refused(t, r.put(t, machine), http.StatusBadRequest, "invalid_client_metadata") // given up is given up
	res := r.put(t, document(nil))
	if secret := res.JSON(t)["client_secret"]; secret == nil || secret == r.secret {
		t.Errorf("status %d: %s", res.StatusCode, res.Body)
	}
}

// RFC 7592 §2.3: a client that deletes itself is gone, with its grants.
func TestDeletedClientIsGone(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{Configure: func(c *config.Config) {
		c.Registration.Policy = "open"
	}}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		r := registered(t, p, "", document(nil))
		params := providertest.AuthorizeParams(map[string]string{"client_id": r.id, "redirect_uri": callback, "scope": "openid"})
		form := providertest.With(providertest.CodeForm(p.Code(t, providertest.Browser(t), params)), "redirect_uri", callback)
		tokens := p.Granted(t, form, r.id, r.secret)
		res := send(t, p, http.MethodDelete, r.uri, r.token, nil)
		if res.StatusCode != http.StatusNoContent || res.Body != "" {
			t.Fatalf("status %d: %s", res.StatusCode, res.Body)
		}
		unauthorized(t, send(t, p, http.MethodGet, r.uri, r.token, nil))
		unauthorized(t, send(t, p, http.MethodDelete, r.uri, r.token, nil))
		if p.Works(t, tokens) {
			t.Error("its access token is still good")
		}
		if page := p.Authorize(t, providertest.Browser(t), params); page.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", page.StatusCode)
		}
	})
}

// The operator's apply takes a client over: it no longer manages itself.
func TestClientOfTheOperatorHasNoRegistrationToken(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := registered(t, p, "", document(nil))
	c := r.stored(t)
	c.RegistrationHash = storage.Hash{}
	if err := p.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	unauthorized(t, send(t, p, http.MethodGet, r.uri, r.token, nil))
}
