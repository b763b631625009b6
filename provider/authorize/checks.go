package authorize

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// check is one rule about an authorization request whose client and redirect
// URI are proven. Its error is sent to the client.
type check func(*Handler, context.Context, *flow) error

// checks are the rules in the order of the specifications.
func checks() []check {
	return []check{
		checkDuplicates,
		checkEncoding,
		checkRequestObject,
		checkResponseType,
		checkResponseMode,
		checkRedirectURI,
		checkScope,
		checkResource,
		checkCodeChallenge,
		checkPrompt,
		checkMaxAge,
		checkIDTokenHint,
	}
}

func (h *Handler) check(ctx context.Context, f *flow) error {
	for _, rule := range checks() {
		if err := rule(h, ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// No parameter may be sent twice, RFC 6749 §3.1, but resource, RFC 8707 §2.
func checkDuplicates(_ *Handler, _ context.Context, f *flow) error {
	for name, values := range f.request.Form {
		if len(values) > 1 && name != "resource" {
			return oauth.Refuse(oauth.InvalidRequest, "a parameter was sent more than once")
		}
	}
	return nil
}

// Parameters are text, RFC 6749 Appendix B.
func checkEncoding(_ *Handler, _ context.Context, f *flow) error {
	for _, values := range f.request.Form {
		if slices.ContainsFunc(values, web.Malformed) {
			return oauth.Refuse(oauth.InvalidRequest, "a parameter is not text in UTF-8")
		}
	}
	return nil
}

// What we do not understand and must not ignore, OpenID Connect Core §3.1.2.6.
func checkRequestObject(_ *Handler, _ context.Context, f *flow) error {
	switch form := f.request.Form; {
	case form.Get("request") != "":
		return oauth.Refuse(oauth.RequestNotSupported, "request objects are not supported")
	case form.Get("request_uri") != "":
		return oauth.Refuse(oauth.RequestURINotSupported, "request_uri is not supported")
	case form.Get("registration") != "":
		return oauth.Refuse(oauth.RegistrationNotSupported, "registration is not supported")
	}
	return nil
}

// response_type, RFC 6749 §3.1.1.
func checkResponseType(_ *Handler, _ context.Context, f *flow) error {
	switch types := f.request.ResponseType; {
	case len(types) == 0:
		return oauth.Refuse(oauth.InvalidRequest, "response_type is missing")
	case !slices.Equal(types, []string{"code"}):
		return oauth.Refuse(oauth.UnsupportedResponseType, "the only supported response_type is code")
	case !client.MayUse(f.client, "authorization_code"):
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for authorization_code")
	}
	return nil
}

// response_mode, OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
func checkResponseMode(_ *Handler, _ context.Context, f *flow) error {
	if mode := f.request.ResponseMode; mode != "" && !f.request.Takes(mode) {
		return oauth.Refuse(oauth.InvalidRequest, "the response_mode is not supported, or not for this redirect_uri")
	}
	return nil
}

// OpenID Connect requires redirect_uri, Core §3.1.2.1.
func checkRedirectURI(_ *Handler, _ context.Context, f *flow) error {
	if f.request.OpenID() && !f.request.RedirectURISent {
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is missing")
	}
	return nil
}

// Scopes that we do not know, or that are not for this client, are ignored,
// OpenID Connect Core §3.1.2.1.
func checkScope(h *Handler, ctx context.Context, f *flow) error {
	catalogue, err := h.Directory.Catalogue(ctx)
	if err != nil {
		return oauth.Unavailable(err)
	}
	f.scopes = client.Allowed(f.client, catalogue, f.request.Scope)
	if len(f.scopes) == 0 {
		return oauth.Refuse(oauth.InvalidScope, "scope has none that this client may ask for")
	}
	return nil
}

// resource, RFC 8707 §2.
func checkResource(h *Handler, ctx context.Context, f *flow) error {
	catalogue, err := h.Directory.Catalogue(ctx)
	if err != nil {
		return oauth.Unavailable(err)
	}
	f.audience, err = client.Audience(f.client, catalogue, f.scopes, f.request.Resources, h.Issuer)
	return err
}

// code_challenge, RFC 7636 §4.3: S256 only, whose challenge is a SHA-256.
func checkCodeChallenge(_ *Handler, _ context.Context, f *flow) error {
	challenge, method := f.request.CodeChallenge, f.request.CodeChallengeMethod
	if challenge == "" {
		if method != "" || client.NeedsPKCE(f.client) {
			return oauth.Refuse(oauth.InvalidRequest, "code_challenge is missing")
		}
		return nil
	}
	if method != "S256" {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge_method must be S256")
	}
	if b, err := base64.RawURLEncoding.DecodeString(challenge); err != nil || len(b) != 32 {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge is not the base64url of a SHA-256")
	}
	return nil
}

// Prompts are the values of prompt that are supported, for discovery.
func Prompts() []string { return []string{"none", "login", "consent", "select_account"} }

// prompt, OpenID Connect Core §3.1.2.1.
func checkPrompt(_ *Handler, _ context.Context, f *flow) error {
	for _, p := range f.request.Prompt {
		if !slices.Contains(Prompts(), p) {
			return oauth.Refuse(oauth.InvalidRequest, "a value of prompt is not supported")
		}
	}
	if f.request.Prompts("none") && len(f.request.Prompt) > 1 {
		return oauth.Refuse(oauth.InvalidRequest, "prompt=none excludes other values")
	}
	return nil
}

// max_age, OpenID Connect Core §3.1.2.1.
func checkMaxAge(_ *Handler, _ context.Context, f *flow) error {
	if f.request.MaxAge == "" {
		return nil
	}
	if _, err := strconv.ParseUint(f.request.MaxAge, 10, 31); err != nil {
		return oauth.Refuse(oauth.InvalidRequest, "max_age is not a number of seconds")
	}
	return nil
}

// id_token_hint, OpenID Connect Core §3.1.2.1: one of ours for this client. An
// expired one will do.
func checkIDTokenHint(h *Handler, ctx context.Context, f *flow) error {
	if f.request.IDTokenHint == "" {
		return nil
	}
	payload, err := h.Keys.Verify(ctx, f.request.IDTokenHint, "JWT")
	switch {
	case errors.Is(err, keys.ErrInvalid):
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is not an ID token of ours").Because(err)
	case err != nil:
		return oauth.Unavailable(err)
	}
	var hint struct {
		Issuer   string               `json:"iss"`
		Subject  string               `json:"sub"`
		Audience accesstoken.Audience `json:"aud"`
	}
	if err := json.Unmarshal(payload, &hint); err != nil {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is not an ID token of ours").Because(err)
	}
	if hint.Issuer != h.Issuer || !slices.Contains(hint.Audience, f.client.ID) {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint was not issued to this client")
	}
	f.hint = hint.Subject
	return nil
}
