package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// TokenRequest is a request to the token endpoint, parsed and not yet checked.
type TokenRequest struct {
	Form        url.Values
	Credentials clientauth.Credentials
	// Network is where it comes from, for counting attempts at a password.
	Network string
}

// GrantTypes are those that the provider supports as it is configured.
func (e *Engine) GrantTypes() []string {
	types := []string{"authorization_code", "refresh_token", "client_credentials"}
	if e.Config.PasswordGrant {
		types = append(types, "password")
	}
	return types
}

// Exchange grants tokens, [RFC 6749 §3.2]. It takes at most two round trips and
// writes nothing unless the whole response has been built. Its errors are
// [oauth.Error]s.
//
// [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
func (e *Engine) Exchange(ctx context.Context, r TokenRequest) (*oauth.TokenResponse, error) {
	if err := e.checkForm(r.Form); err != nil {
		return nil, err
	}
	// A write that was refused lost a race. Another look at what has become of
	// the code or token decides whether that was a retry or a theft.
	for range 2 {
		response, err := e.exchange(ctx, r)
		if !errors.Is(err, storage.ErrSpent) {
			return response, err
		}
	}
	return nil, oauth.Refuse(oauth.InvalidGrant, "the code or refresh token was already used")
}

func (e *Engine) checkForm(form url.Values) error {
	grantType := form.Get("grant_type")
	if grantType == "" {
		return oauth.Refuse(oauth.InvalidRequest, "grant_type is missing")
	}
	if !slices.Contains(e.GrantTypes(), grantType) {
		return oauth.Refuse(oauth.UnsupportedGrantType, "this grant type is not supported")
	}
	required := map[string][]string{
		"authorization_code": {"code"},
		"refresh_token":      {"refresh_token"},
		"password":           {"username", "password"},
	}
	for _, name := range required[grantType] {
		if !form.Has(name) {
			return oauth.Refuse(oauth.InvalidRequest, name+" is missing")
		}
	}
	return nil
}

func (e *Engine) exchange(ctx context.Context, r TokenRequest) (*oauth.TokenResponse, error) {
	w, err := e.begin(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := e.plan(ctx, w, r); err != nil {
		return nil, err
	}
	response, err := e.run(with(ctx, w), w)
	if w.reused {
		web.EventOf(ctx).Note = "code or refresh token reused"
		// The refusal is worth nothing if the grant lives on.
		if err := e.Store.RevokeGrant(ctx, w.grant.ID, w.now); err != nil {
			return nil, oauth.Unavailable(err)
		}
	}
	if err != nil {
		return nil, translate(w, err)
	}
	if err := e.apply(ctx, w); err != nil {
		return nil, err
	}
	return response, nil
}

// begin does the request's one read and authenticates the client.
func (e *Engine) begin(ctx context.Context, r TokenRequest) (*work, error) {
	wanted := storage.Wanted{ClientID: r.Credentials.ClientID}
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		wanted.Code = storage.HashOf(r.Form.Get("code"))
	case "refresh_token":
		wanted.Refresh = storage.HashOf(r.Form.Get("refresh_token"))
	}
	state, err := e.Directory.Read(ctx, wanted)
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	assertion, err := e.ClientAuth.Check(r.Credentials, state.Client)
	if err != nil {
		return nil, err
	}
	now := e.Now()
	return &work{
		now: now, client: state.Client, state: state, form: r.Form,
		grant: state.Grant, user: state.User,
		write: &storage.Write{Key: rand.Text(), Now: now, Assertion: assertion},
	}, nil
}

// plan decides what the tokens will be good for, before fosite is asked.
func (e *Engine) plan(ctx context.Context, w *work, r TokenRequest) error {
	grantType := r.Form.Get("grant_type")
	if !client.MayUse(w.client, grantType) {
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for this grant type")
	}
	switch grantType {
	case "authorization_code", "refresh_token":
		w.inherit()
		return nil
	case "password":
		return e.planPassword(ctx, w, r)
	default:
		return e.planClientCredentials(ctx, w)
	}
}

// inherit takes over what the grant that the code or refresh token belongs to
// was given, but for what has been taken from the client since.
func (w *work) inherit() {
	if w.grant == nil {
		return // fosite will find nothing
	}
	if w.state.Code != nil {
		w.nonce = w.state.Code.Nonce
	}
	w.granted = only(w.grant.Scopes, client.Scopes(w.client))
	w.scopes, w.audience = w.granted, w.grant.Audience
}

// narrow gives the access token no more than what the request names of the
// grant's scopes and audience, RFC 6749 §6 and RFC 8707 §2.2. The grant keeps
// all. It waits until the code or refresh token has been found to be good: a
// stolen one must not escape notice by asking for too much.
func (w *work) narrow() error {
	if w.state.Grant == nil {
		return nil // what is granted now has been planned so
	}
	if scopes := strings.Fields(w.form.Get("scope")); w.state.Refresh != nil && len(scopes) > 0 {
		if !subset(scopes, w.granted) {
			return oauth.Refuse(oauth.InvalidScope, "the scope is more than what was granted")
		}
		w.scopes = only(w.granted, scopes)
	}
	if resources := w.form["resource"]; len(resources) > 0 {
		if !subset(resources, w.audience) {
			return oauth.Refuse(oauth.InvalidTarget, "the resource is not among those that were granted")
		}
		w.audience = only(w.audience, resources)
	}
	return nil
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// only returns those of all that are wanted.
func only(all, wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !slices.Contains(wanted, s) })
}

// run lets fosite check the request and build the response.
func (e *Engine) run(ctx context.Context, w *work) (*oauth.TokenResponse, error) {
	httpRequest := (&http.Request{Method: http.MethodPost, Form: fositeForm(w), PostForm: fositeForm(w)}).WithContext(ctx)
	request, err := e.fosite.NewAccessRequest(ctx, httpRequest, newSession(w))
	if err != nil {
		return nil, err
	}
	for _, scope := range w.granted {
		request.GrantScope(scope)
	}
	if err := w.narrow(); err != nil {
		return nil, err
	}
	response, err := e.fosite.NewAccessResponse(ctx, request)
	if err != nil {
		return nil, err
	}
	idToken, err := e.idToken(ctx, w, request, response)
	if err != nil {
		return nil, err
	}
	refresh, _ := response.GetExtra("refresh_token").(string)
	return &oauth.TokenResponse{
		AccessToken:  response.GetAccessToken(),
		TokenType:    "Bearer",
		ExpiresIn:    int64(e.Config.AccessTokenLifetime.Seconds()),
		RefreshToken: refresh,
		Scope:        strings.Join(w.scopes, " "),
		IDToken:      idToken,
	}, nil
}

// idToken is the response's ID token: none if openid was not granted or, at a
// refresh, not asked for, and one of our making for the password grant, for
// which fosite has none.
func (e *Engine) idToken(ctx context.Context, w *work, request fosite.Requester, response fosite.AccessResponder) (string, error) {
	if !w.openid() {
		return "", nil
	}
	if made, _ := response.GetExtra("id_token").(string); made != "" {
		return made, nil
	}
	return tokens{e}.GenerateIDToken(context.WithValue(ctx, fosite.AccessResponseContextKey, response), 0, request)
}

// fositeForm is what fosite needs to see of the request: not its scope, which
// plan has judged, nor any credential of the client's.
func fositeForm(w *work) url.Values {
	form := url.Values{}
	for _, name := range []string{
		"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "username", "password",
	} {
		if w.form.Has(name) {
			form.Set(name, w.form.Get(name))
		}
	}
	return form
}

// apply writes the request's work, in one round trip, if there is any.
func (e *Engine) apply(ctx context.Context, w *work) error {
	if w.write.Redeem == nil && w.write.Rotate == nil && w.write.Grant == nil && w.write.Assertion == nil {
		return nil
	}
	err := e.Store.Apply(ctx, *w.write)
	switch {
	case err == nil || errors.Is(err, storage.ErrSpent):
		return err
	case errors.Is(err, storage.ErrReplayed):
		return oauth.Refuse(oauth.InvalidClient, "client authentication failed").Because(err)
	case errors.Is(err, storage.ErrNotFound): // deleted since it was read
		return oauth.Refuse(oauth.InvalidGrant, "the client or the person is gone").Because(err)
	default:
		return oauth.Unavailable(err)
	}
}

// planClientCredentials grants a client what it registered for itself,
// [RFC 6749 §4.4]: no scope that is about a person.
//
// [RFC 6749 §4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
func (e *Engine) planClientCredentials(ctx context.Context, w *work) error {
	if client.IsPublic(w.client) {
		return oauth.Refuse(oauth.UnauthorizedClient, "a public client may not use this grant type")
	}
	catalogue, err := e.Directory.Catalogue(ctx)
	if err != nil {
		return oauth.Unavailable(err)
	}
	own := slices.DeleteFunc(client.Allowed(w.client, catalogue, client.Scopes(w.client)), func(scope string) bool {
		return slices.Contains(claims.Scopes(), scope)
	})
	requested := strings.Fields(w.form.Get("scope"))
	if !subset(requested, own) {
		return oauth.Refuse(oauth.InvalidScope, "the client may not ask for this scope on its own behalf")
	}
	if w.scopes = own; len(requested) > 0 {
		w.scopes = only(own, requested)
	}
	w.audience, err = client.Audience(w.client, catalogue, w.scopes, w.form["resource"], e.Config.Issuer)
	if err != nil {
		return err
	}
	w.granted = w.scopes
	w.grant = &storage.Grant{
		ID: rand.Text(), ClientID: w.client.ID, Scopes: w.scopes, Audience: w.audience,
		CreatedAt: w.now, ExpiresAt: w.now.Add(e.Config.AccessTokenLifetime),
	}
	if w.client.Metadata.AccessTokenFormat == "opaque" {
		w.write.Grant = w.grant // a JWT stands for itself
	}
	return nil
}

// planPassword prepares [RFC 6749 §4.3]: fosite asks for the person's password
// while it runs, and the grant is completed then.
//
// [RFC 6749 §4.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.3
func (e *Engine) planPassword(ctx context.Context, w *work, r TokenRequest) error {
	if client.IsPublic(w.client) && !e.Config.PasswordGrantPublic {
		return oauth.Refuse(oauth.UnauthorizedClient, "a public client may not use this grant type")
	}
	catalogue, err := e.Directory.Catalogue(ctx)
	if err != nil {
		return oauth.Unavailable(err)
	}
	w.scopes = client.Allowed(w.client, catalogue, strings.Fields(r.Form.Get("scope")))
	if !client.MayUse(w.client, "refresh_token") {
		w.scopes = slices.DeleteFunc(w.scopes, func(s string) bool { return s == "offline_access" })
	}
	w.audience, err = client.Audience(w.client, catalogue, w.scopes, r.Form["resource"], e.Config.Issuer)
	if err != nil {
		return err
	}
	w.granted = w.scopes
	w.grant = &storage.Grant{
		ID: rand.Text(), ClientID: w.client.ID, Scopes: w.scopes, Audience: w.audience,
		AuthTime: w.now, AMR: []string{"pwd"},
		CreatedAt: w.now, ExpiresAt: e.grantExpiry(w.now, w.scopes),
	}
	w.write.Grant = w.grant
	w.authenticate = func(ctx context.Context, username, password string) error {
		return e.authenticate(ctx, w, account.Login{Identifier: username, Password: password, Network: r.Network})
	}
	return nil
}

func (e *Engine) authenticate(ctx context.Context, w *work, login account.Login) error {
	outcome, err := e.Authenticator.Authenticate(ctx, login)
	if errors.Is(err, account.ErrDenied) {
		web.EventOf(ctx).Note = "sign-in denied"
		w.denied = err
		return fosite.ErrNotFound
	}
	if err != nil {
		w.outage = err
		return err
	}
	w.user = &outcome.User
	w.grant.UserID = outcome.User.ID
	w.write.Succeeded = outcome.Succeeded
	web.EventOf(ctx).Trouble = outcome.NotUpgraded
	return nil
}
