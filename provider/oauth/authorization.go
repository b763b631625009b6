package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// AuthorizationRequest is a request to the authorization endpoint,
// [RFC 6749 §4.1.1] with the parameters of [OpenID Connect Core §3.1.2.1].
//
// [RFC 6749 §4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
type AuthorizationRequest struct {
	ClientID string
	// RedirectURI is where the response goes: the one sent or, if none was, the
	// only one registered. It is set once it has been proven to be the client's.
	RedirectURI     string
	RedirectURISent bool
	ResponseType    []string
	ResponseMode    ResponseMode
	Scope           []string
	// State is echoed, if it was sent.
	State               string
	StateSent           bool
	Nonce               string
	CodeChallenge       string
	CodeChallengeMethod string
	Prompt              []string
	// MaxAge is as sent: decimal seconds, "" if absent.
	MaxAge      string
	LoginHint   string
	IDTokenHint string
	// Claims is as sent: JSON, "" if absent.
	Claims    string
	Resources []string
	// Form is the request as it was sent, from which it can be made again.
	Form url.Values
}

// ParseAuthorizationRequest gives the parameters their types. It checks
// nothing: that is done rule by rule in provider/authorize.
func ParseAuthorizationRequest(form url.Values) *AuthorizationRequest {
	return &AuthorizationRequest{
		ClientID:            form.Get("client_id"),
		RedirectURI:         form.Get("redirect_uri"),
		RedirectURISent:     form.Has("redirect_uri"),
		ResponseType:        strings.Fields(form.Get("response_type")),
		ResponseMode:        ResponseMode(form.Get("response_mode")),
		Scope:               strings.Fields(form.Get("scope")),
		State:               form.Get("state"),
		StateSent:           form.Has("state"),
		Nonce:               form.Get("nonce"),
		CodeChallenge:       form.Get("code_challenge"),
		CodeChallengeMethod: form.Get("code_challenge_method"),
		Prompt:              strings.Fields(form.Get("prompt")),
		MaxAge:              form.Get("max_age"),
		LoginHint:           form.Get("login_hint"),
		IDTokenHint:         form.Get("id_token_hint"),
		Claims:              form.Get("claims"),
		Resources:           form["resource"],
		Form:                form,
	}
}

// Returns reports whether the response has a "code", "token" or "id_token".
func (r *AuthorizationRequest) Returns(kind string) bool {
	return slices.Contains(r.ResponseType, kind)
}

// FrontChannel reports whether the response has tokens, which must not be in the
// query, where they would be logged.
func (r *AuthorizationRequest) FrontChannel() bool {
	return r.Returns("token") || r.Returns("id_token")
}

// Prompts reports whether prompt has the value.
func (r *AuthorizationRequest) Prompts(value string) bool { return slices.Contains(r.Prompt, value) }

// OpenID reports whether this is an OpenID Connect request.
func (r *AuthorizationRequest) OpenID() bool { return slices.Contains(r.Scope, "openid") }

// ResponseMode is how the response reaches the client, [OAuth 2.0 Multiple
// Response Type Encoding Practices].
//
// [OAuth 2.0 Multiple Response Type Encoding Practices]: https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html
type ResponseMode string

// The response modes that Gatelodge knows.
const (
	Query    ResponseMode = "query"
	Fragment ResponseMode = "fragment"
	FormPost ResponseMode = "form_post"
)

// ResponseModes lists them, for discovery.
func ResponseModes() []ResponseMode { return []ResponseMode{Query, Fragment, FormPost} }

// Takes reports whether the response can have the mode: whether we know it, that
// it keeps tokens out of the query, OAuth 2.0 Multiple Response Types §5, and,
// since browsers post forms to web addresses only, that form_post leads to one.
func (r *AuthorizationRequest) Takes(mode ResponseMode) bool {
	if mode == Query && r.FrontChannel() {
		return false
	}
	if mode == FormPost && !strings.HasPrefix(r.RedirectURI, "https://") && !strings.HasPrefix(r.RedirectURI, "http://") {
		return false
	}
	return slices.Contains(ResponseModes(), mode)
}

// Mode is the mode that the response to the request has to use: the one asked
// for, if it can have that, or the default of the response type.
func (r *AuthorizationRequest) Mode() ResponseMode {
	if r.Takes(r.ResponseMode) {
		return r.ResponseMode
	}
	if r.FrontChannel() {
		return Fragment
	}
	return Query
}
