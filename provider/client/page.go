package client

import (
	"net/url"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/storage"
)

// Page is the client as the pages show it: under its id if it has no name, with
// its logo from an address of ours. No client is shown as one that is not known.
func Page(c *storage.Client) consentui.Client {
	if c == nil {
		return consentui.Client{}
	}
	if c.ID == AccountID {
		return consentui.Client{OwnAccount: true}
	}
	m := c.Metadata
	name := m.ClientName
	if name == "" {
		name = c.ID
	}
	shown := consentui.Client{
		Name: name, URI: m.ClientURI, PolicyURI: m.PolicyURI, TosURI: m.TosURI,
		Unverified: c.RegistrationHash != (storage.Hash{}), Theme: consentui.Theme(m.Theme),
	}
	if m.LogoURI != "" {
		shown.LogoURI = "/logo/" + url.PathEscape(c.ID)
	}
	return shown
}

// Description is a registered scope's text; those of the standard ones are the pages'.
func Description(catalogue *storage.Catalogue, scope string) string {
	for _, s := range catalogue.Scopes {
		if s.Name == scope {
			return s.Description
		}
	}
	return ""
}
