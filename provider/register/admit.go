package register

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// privileges are what a client can get beyond what everybody can.
type privileges struct {
	// invited: it comes with an initial access token, and so knows the operator.
	invited bool
	// had is what it is registered with. It can keep that, but a client that
	// registered when everybody could gets nothing by an update that it would
	// need to be invited for.
	had *storage.ClientMetadata
}

// admit returns the metadata that a client can give itself, completed; or the
// error of [RFC 7591 §3.2.2].
//
// [RFC 7591 §3.2.2]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2
func (h *Handler) admit(ctx context.Context, m storage.ClientMetadata, p privileges) (storage.ClientMetadata, error) {
	m = complete(withoutOperators(m))
	if faults := client.Validate(m, h.Policy); len(faults) > 0 {
		return m, refusal(faults)
	}
	for _, grant := range []string{"client_credentials", "password"} {
		if slices.Contains(m.GrantTypes, grant) && !p.mayHave(grant) {
			return m, oauth.Refuse(oauth.InvalidClientMetadata, "grant_types: clients that register themselves cannot have "+grant)
		}
	}
	return m, h.checkScope(ctx, m.Scope, p)
}

// mayHave: to act without a person is for clients that the operator has invited,
// and to handle people's passwords is for those that the operator registers.
func (p privileges) mayHave(grant string) bool {
	return p.invited && grant == "client_credentials" || p.had != nil && slices.Contains(p.had.GrantTypes, grant)
}

// withoutOperators ignores the members that are the operator's alone to give,
// as those that do not exist are ignored: whether people are asked, for how long a
// stolen refresh token goes unnoticed, and what our pages look like. The other members
// of our own (access_token_format, require_pkce, id_token_user_claims, required_acr)
// concern nobody but the client and those who sign in to it.
func withoutOperators(m storage.ClientMetadata) storage.ClientMetadata {
	m.SkipConsent = false
	m.RefreshGraceSeconds = nil
	m.Theme = storage.Theme{}
	return m
}

// complete fills in the defaults, so that the answer tells all that holds.
func complete(m storage.ClientMetadata) storage.ClientMetadata {
	if m.ApplicationType == "" {
		m.ApplicationType = "web" // OpenID Connect Registration §2
	}
	m = client.Defaults(m)
	m.Scope = strings.Join(strings.Fields(m.Scope), " ")
	if m.Scope == "" && len(m.ResponseTypes) > 0 {
		m.Scope = strings.Join(claims.Scopes(), " ")
	}
	if slices.Contains(m.GrantTypes, "authorization_code") {
		needed := needsPKCE(m)
		m.RequirePKCE = &needed
	}
	return m
}

// needsPKCE: who registers by themselves follows the standards, by which PKCE is
// for public clients (and all whose codes others on the device can receive) and
// only recommended for confidential ones. These can tell an injected code by
// the nonce in the ID token, or c_hash, [RFC 9700 §2.1.1], and OpenID Connect's
// own clients send nothing else. They can still register that they want it.
//
// [RFC 9700 §2.1.1]: https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1
func needsPKCE(m storage.ClientMetadata) bool {
	return m.TokenEndpointAuthMethod == "none" || m.RequirePKCE != nil && *m.RequirePKCE ||
		slices.ContainsFunc(m.RedirectURIs, client.AnyoneCanListen)
}

// refusal is the answer to faulty metadata, all of it at once.
func refusal(faults []client.Fault) error {
	const told = 10
	code := oauth.InvalidClientMetadata
	texts := make([]string, 0, len(faults))
	for _, f := range faults {
		if f.Member == "redirect_uris" {
			code = oauth.InvalidRedirectURI
		}
		if text := f.Member + ": " + f.Problem; !slices.Contains(texts, text) && len(texts) < told {
			texts = append(texts, text)
		}
	}
	return oauth.Refuse(code, strings.Join(texts, "; "))
}

// checkScope lets everybody have the scopes that tell who a person is, which the
// person is asked about, and those of the operator's APIs only the invited.
func (h *Handler) checkScope(ctx context.Context, scope string, p privileges) error {
	var had []string
	if p.had != nil {
		had = strings.Fields(p.had.Scope)
	}
	for name := range strings.FieldsSeq(scope) {
		if slices.Contains(claims.Scopes(), name) || slices.Contains(had, name) {
			continue
		}
		if p.invited {
			catalogue, err := h.Directory.Catalogue(ctx)
			if err != nil {
				return oauth.Unavailable(err)
			}
			if client.ScopeExists(catalogue, name) {
				continue
			}
		}
		return oauth.Refuse(oauth.InvalidClientMetadata, "scope: has one that does not exist or that the client cannot give itself")
	}
	return nil
}

// checkSector fetches the client's sector_identifier_uri: whoever has it
// published must have listed all of the client's redirect URIs there, or any
// client could join any sector, [OpenID Connect Registration §5].
//
// [OpenID Connect Registration §5]: https://openid.net/specs/openid-connect-registration-1_0.html#SectorIdentifierValidation
func (h *Handler) checkSector(ctx context.Context, m storage.ClientMetadata) error {
	if m.SectorIdentifierURI == "" {
		return nil
	}
	for _, fetch := range []func(context.Context, string) (outbound.Document, error){h.Outbound.Get, h.Outbound.Refetch} {
		document, err := fetch(ctx, m.SectorIdentifierURI)
		switch {
		case errors.Is(err, outbound.ErrBusy), errors.Is(err, outbound.ErrClosed):
			return oauth.Unavailable(err)
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return oauth.Refuse(oauth.InvalidClientMetadata, "sector_identifier_uri: could not be fetched").Because(err)
		}
		if lists(document.Body, m.RedirectURIs) {
			return nil
		}
	}
	return oauth.Refuse(oauth.InvalidClientMetadata, "sector_identifier_uri: must be a JSON array with all of the redirect_uris")
}

// lists reports whether the body is a JSON array of texts that has all the URIs.
func lists(body []byte, uris []string) bool {
	var listed []string
	if err := json.Unmarshal(body, &listed); err != nil {
		return false
	}
	return !slices.ContainsFunc(uris, func(uri string) bool { return !slices.Contains(listed, uri) })
}
