package client_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// RFC 6749 §3.1.1: the order of the values does not matter; which were registered
// does.
func TestMayRespondIgnoresOrder(t *testing.T) {
	t.Parallel()
	c := &storage.Client{Metadata: storage.ClientMetadata{ResponseTypes: []string{"code", "code id_token token"}}}
	for _, requested := range [][]string{{"code"}, {"token", "code", "id_token"}, {"code", "id_token", "token"}} {
		if !client.MayRespond(c, requested) {
			t.Errorf("%q was refused", requested)
		}
	}
	for _, requested := range [][]string{
		nil, {"token"}, {"id_token"}, {"code", "id_token"}, {"code", "code"}, {"code", "code", "id_token", "token"},
	} {
		if client.MayRespond(c, requested) {
			t.Errorf("%q was not registered", requested)
		}
	}
}

// RFC 8707 §2: an API that tells callers apart by nothing but the audience is not
// for clients that registered themselves.
func TestSelfRegisteredClientsCannotTargetAPIsWithoutScopes(t *testing.T) {
	t.Parallel()
	catalogue := &storage.Catalogue{
		ResourceServers: []storage.ResourceServer{{Identifier: "https://open.example"}, {Identifier: "https://scoped.example"}},
		Scopes:          []storage.Scope{{Name: "read", ResourceServer: "https://scoped.example"}},
	}
	for _, c := range []struct {
		resource       string
		selfRegistered bool
		scope          string
		right          bool
	}{
		{"https://open.example", false, "", true},
		{"https://open.example", true, "", false},
		{"https://scoped.example", false, "", false},
		{"https://scoped.example", true, "read", true},
		{"https://unknown.example", false, "", false},
	} {
		app := &storage.Client{Metadata: storage.ClientMetadata{Scope: c.scope}}
		if c.selfRegistered {
			app.RegistrationHash = storage.HashOf("a token")
		}
		_, err := client.Audience(app, catalogue, nil, []string{c.resource}, "https://issuer.example")
		if (err == nil) != c.right {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
