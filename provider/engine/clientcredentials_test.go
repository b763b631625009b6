package engine_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

func clientCredentials(changes ...string) url.Values {
	return providertest.With(url.Values{"grant_type": {"client_credentials"}}, changes...)
}

// RFC 6749 §4.4: the client gets what it registered for itself, and nothing that
// is about a person.
func TestClientCredentialsScope(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeClient(t, providertest.MachineID, func(m *storage.ClientMetadata) {
		m.Scope = "openid offline_access profile unregistered " + providertest.APIScope
	})
	tests := map[string]string{ // asked for → granted, "" for invalid_scope
		"":                    providertest.APIScope,
		providertest.APIScope: providertest.APIScope,
		providertest.APIScope + " " + providertest.APIScope: providertest.APIScope,
		"openid":                           "",
		"offline_access":                   "",
		"profile " + providertest.APIScope: "",
		"unregistered":                     "",
		"notes.write":                      "",
		"notes":                            "", // no scope implies another
		"NOTES.READ":                       "",
	}
	for asked, want := range tests {
		t.Run(asked, func(t *testing.T) {
			t.Parallel()
			form := clientCredentials("scope", asked)
			if want == "" {
				res := p.Token(t, form, providertest.MachineID, providertest.ClientSecret)
				providertest.Refused(t, res, http.StatusBadRequest, "invalid_scope")
				return
			}
			tokens := p.Granted(t, form, providertest.MachineID, providertest.ClientSecret)
			if tokens["scope"] != want || tokens.Get("refresh_token") != "" || tokens.Get("id_token") != "" {
				t.Errorf("got %v, want scope %q and nothing but an access token", tokens, want)
			}
		})
	}
}

// RFC 6749 §4.4: "MUST only be used by confidential clients", and by those that
// registered it.
func TestClientCredentialsAreForConfidentialClients(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.ChangeClient(t, providertest.PublicID, func(m *storage.ClientMetadata) { m.GrantTypes = []string{"client_credentials"} })
	public := p.Token(t, clientCredentials("client_id", providertest.PublicID), "")
	providertest.Refused(t, public, http.StatusBadRequest, "unauthorized_client")
	providertest.Refused(t, p.Token(t, clientCredentials()), http.StatusBadRequest, "unauthorized_client")
}

// RFC 8707 §2: a resource has to be registered, and to have a scope for the
// client if it has any.
func TestResourceMustBeForTheClient(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, s := range []storage.ResourceServer{{Identifier: "https://open.example"}, {Identifier: "https://closed.example"}} {
		if err := p.Store.SaveResourceServer(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Store.SaveScope(t.Context(), storage.Scope{Name: "closed", ResourceServer: "https://closed.example"}); err != nil {
		t.Fatal(err)
	}
	for resource, good := range map[string]bool{
		providertest.API: true, "https://open.example": true, "https://closed.example": false,
		"https://unknown.example": false, providertest.API + "/": false, "not a URI": false,
	} {
		res := p.Token(t, clientCredentials("resource", resource), providertest.MachineID, providertest.ClientSecret)
		if good {
			audience(t, res.JSON(t), resource)
			continue
		}
		providertest.Refused(t, res, http.StatusBadRequest, "invalid_target")
	}
}

// A client that was deleted while it is remembered gets nothing that would have
// to be stored, and no server error.
func TestDeletedClientThatIsRememberedIsRefused(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		p.ChangeClient(t, providertest.MachineID, func(m *storage.ClientMetadata) { m.AccessTokenFormat = "opaque" })
		p.Granted(t, clientCredentials(), providertest.MachineID, providertest.ClientSecret)
		if err := p.Store.DeleteClient(t.Context(), providertest.MachineID); err != nil {
			t.Fatal(err)
		}
		providertest.InvalidGrant(t, p.Token(t, clientCredentials(), providertest.MachineID, providertest.ClientSecret))
	})
}
