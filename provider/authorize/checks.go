package authorize

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/idtoken"
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
		checkNonce,
		checkResource,
		checkCodeChallenge,
		checkPrompt,
		checkMaxAge,
		checkIDTokenHint,
		checkClaims,
		checkACR,
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

// The request object, OpenID Connect Core §6, and what we do not understand and
// must not ignore, §3.1.2.6.
func checkRequestObject(_ *Handler, _ context.Context, f *flow) error {
	if f.fault == nil && f.request.Form.Get("registration") != "" {
		return oauth.Refuse(oauth.RegistrationNotSupported, "registration is not supported")
	}
	return f.fault
}

// ResponseTypes are those that are supported, for discovery.
func (h *Handler) ResponseTypes() []string {
	if !h.Implicit {
		return []string{"code"}
	}
	return client.ResponseTypes()
}

// response_type, RFC 6749 §3.1.1: its parts may come in any order.
func checkResponseType(h *Handler, _ context.Context, f *flow) error {
	switch types := f.request.ResponseType; {
	case f.client.ID == client.AccountID && client.MayRespond(f.client, types):
		return nil // the one client that asks for nothing
	case len(types) == 0:
		return oauth.Refuse(oauth.InvalidRequest, "response_type is missing")
	case !slices.Contains(h.ResponseTypes(), strings.Join(slices.Sorted(slices.Values(types)), " ")):
		return oauth.Refuse(oauth.UnsupportedResponseType, "this response_type is not supported")
	case !client.MayRespond(f.client, types):
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for this response_type")
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
	if !f.request.Returns("code") { // of which alone a refresh token comes
		f.scopes = slices.DeleteFunc(f.scopes, func(s string) bool { return s == "offline_access" })
	}
	switch {
	case len(f.scopes) == 0:
		return oauth.Refuse(oauth.InvalidScope, "scope has none that this client may ask for")
	case f.request.Returns("id_token") && !slices.Contains(f.scopes, "openid"):
		return oauth.Refuse(oauth.InvalidScope, "an ID token needs the scope openid")
	}
	return nil
}

// nonce, OpenID Connect Core §3.2.2.1 and §3.3.2.11: without it nothing binds an
// ID token in the front channel to the request.
func checkNonce(_ *Handler, _ context.Context, f *flow) error {
	if f.request.Returns("id_token") && f.request.Nonce == "" {
		return oauth.Refuse(oauth.InvalidRequest, "nonce is missing")
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
	if !f.request.Returns("code") {
		return nil
	}
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
func (h *Handler) Prompts() []string {
	prompts := []string{"none", "login", "consent", "select_account"}
	if h.SignUp { // Initiating User Registration via OpenID Connect §4
		prompts = append(prompts, "create")
	}
	return prompts
}

// prompt, OpenID Connect Core §3.1.2.1.
func checkPrompt(h *Handler, _ context.Context, f *flow) error {
	for _, p := range f.request.Prompt {
		if !slices.Contains(h.Prompts(), p) {
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
	hint, err := h.Hints.Read(ctx, f.request.IDTokenHint)
	switch {
	case errors.Is(err, idtoken.ErrInvalid):
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is not an ID token of ours").Because(err)
	case err != nil:
		return oauth.Unavailable(err)
	case hint.ClientID != f.client.ID:
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint was not issued to this client")
	}
	f.hint = hint.Subject
	return nil
}

// claims, OpenID Connect Core §5.5. A sub that is asked for is a demand like
// id_token_hint.
func checkClaims(_ *Handler, _ context.Context, f *flow) error {
	requested, err := claims.ParseRequest(f.request.Claims)
	if err != nil {
		return oauth.Refuse(oauth.InvalidRequest, "claims is not a JSON object of claims requests, or too long").Because(err)
	}
	f.claims = requested.Within(client.Scopes(f.client))
	f.demand.claim = requested.IDToken["acr"]
	for _, member := range []map[string]*claims.Wish{requested.IDToken, requested.Userinfo} {
		subjects, _ := member["sub"].Strings()
		if len(subjects) != 1 {
			continue
		}
		if f.hint != "" && f.hint != subjects[0] {
			return oauth.Refuse(oauth.InvalidRequest, "the request demands two different persons")
		}
		f.hint = subjects[0]
	}
	return nil
}
