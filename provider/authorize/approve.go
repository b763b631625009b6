package authorize

import (
	"net/http"
	"slices"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// approve takes what the person has ticked on the consent page as all that the client
// will get, [RFC 6749 §3.3]: beside what it has been allowed before, and that it is
// them, without which there is no sign-in. A page of an earlier version has nothing to
// tick and is answered for all of it.
//
// [RFC 6749 §3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
func (h *Handler) approve(r *http.Request, f *flow) error {
	f.approved = true
	if f.form.Get("choice") == "" {
		return nil
	}
	declined := func(scope string) bool {
		return scope != "openid" && !slices.Contains(f.who.Consent, scope) && !slices.Contains(f.form["scope"], scope)
	}
	approved := slices.DeleteFunc(f.asked(), declined)
	f.scopes, f.claims = slices.DeleteFunc(f.scopes, declined), f.claims.Within(approved)
	if len(f.scopes) == 0 {
		return oauth.Refuse(oauth.AccessDenied, "the person did not agree to any of it")
	}
	catalogue, err := h.Directory.Catalogue(r.Context())
	if err != nil {
		return oauth.Unavailable(err)
	}
	f.audience, err = client.Audience(f.client, catalogue, f.scopes, f.request.Resources, h.Issuer)
	return err
}

// resources are the names of the APIs that the client wants to use,
// [RFC 8707 §2], as far as they have any.
//
// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
func resources(catalogue *storage.Catalogue, identifiers []string) []string {
	var names []string
	for _, s := range catalogue.ResourceServers {
		switch {
		case !slices.Contains(identifiers, s.Identifier):
		case s.Name != "":
			names = append(names, s.Name)
		default:
			names = append(names, s.Identifier)
		}
	}
	return names
}
