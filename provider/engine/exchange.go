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
	// the code or token decides whether that was a retry or a theft, and another
	// at the password whether it still is the person's.
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
	if state.Client != nil {
		web.EventOf(ctx).ClientID = state.Client.ID
	}
	assertion, err := e.ClientAuth.Check(ctx, r.Credentials, state.Client)
	if err != nil {
		return nil, err
	}
	now := e.Now()
	return &work{
		now: now, client: state.Client, state: state, form: r.Form,
		grant: state.Grant, user: state.User,
		write: &storage.Write{Key: rand.Text(), Now: now, Assertion: assertion, UsesClient: kept(state.Client)},
	}, nil
}

// kept is the client's id if it registered itself and was not used before: from
// now on it stays.
func kept(c *storage.Client) string {
	if c.ExpiresAt.IsZero() {
		return ""
	}
	return c.ID
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
	if w.write.Redeem == nil && w.write.Rotate == nil && w.write.Grant == nil && w.write.Assertion == nil &&
		w.write.UsesClient == "" {
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
