package engine

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Authorization is what the person has agreed to.
type Authorization struct {
	Client  *storage.Client
	Request *oauth.AuthorizationRequest
	User    *storage.User
	Session *storage.Session
	// Scopes and Audience are those granted.
	Scopes, Audience []string
}

// Authorize issues the parameters of a successful authorization response,
// [RFC 6749 §4.1.2], and adds to the write what they stand for: they may be
// sent once the write has been applied.
//
// [RFC 6749 §4.1.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
func (e *Engine) Authorize(ctx context.Context, a Authorization, write *storage.Write) (url.Values, error) {
	w := e.authorization(a, write)
	redirect, err := url.Parse(a.Request.RedirectURI)
	if err != nil {
		return nil, err
	}
	request := &fosite.AuthorizeRequest{
		ResponseTypes:        fosite.Arguments(a.Request.ResponseType),
		RedirectURI:          redirect,
		HandledResponseTypes: fosite.Arguments{},
		Request: fosite.Request{
			ID:             w.grant.ID,
			RequestedAt:    w.now,
			Client:         fositeClient{a.Client},
			RequestedScope: fosite.Arguments(a.Scopes),
			GrantedScope:   fosite.Arguments(slices.Clone(a.Scopes)),
			Form:           authorizeForm(a.Request),
		},
	}
	response, err := e.fosite.NewAuthorizeResponse(with(ctx, w), request, newSession(w))
	if err != nil {
		return nil, translate(w, err)
	}
	return url.Values{"code": {response.GetParameters().Get("code")}}, nil
}

// authorization prepares the grant and the code, whose hash and challenge are
// filled in when fosite stores them.
func (e *Engine) authorization(a Authorization, write *storage.Write) *work {
	now := write.Now
	write.Grant = &storage.Grant{
		ID: rand.Text(), ClientID: a.Client.ID, UserID: a.User.ID, SessionID: a.Session.ID,
		Scopes: a.Scopes, Audience: a.Audience,
		AuthTime: a.Session.AuthTime, AMR: a.Session.AMR,
		CreatedAt: now, ExpiresAt: e.grantExpiry(now, a.Scopes),
	}
	write.Code = &storage.Code{
		GrantID: write.Grant.ID, Nonce: a.Request.Nonce,
		CreatedAt: now, ExpiresAt: now.Add(e.Config.CodeLifetime),
	}
	if a.Request.RedirectURISent {
		write.Code.RedirectURI = a.Request.RedirectURI
	}
	return &work{
		now: now, client: a.Client, user: a.User, write: write, grant: write.Grant,
		granted: a.Scopes, scopes: a.Scopes, audience: a.Audience, nonce: a.Request.Nonce,
	}
}

// grantExpiry is when the last token that can come of a grant has expired.
func (e *Engine) grantExpiry(now time.Time, scopes []string) time.Time {
	if slices.Contains(scopes, "offline_access") {
		return now.Add(e.Config.GrantLifetime)
	}
	return now.Add(e.Config.CodeLifetime + e.Config.AccessTokenLifetime)
}

// authorizeForm is what fosite needs to see of an authorization request that
// has been validated: no prompt, max_age or id_token_hint, which it would judge
// a second time and less exactly.
func authorizeForm(r *oauth.AuthorizationRequest) url.Values {
	form := url.Values{"redirect_uri": {r.RedirectURI}}
	if r.CodeChallenge != "" {
		form.Set("code_challenge", r.CodeChallenge)
		form.Set("code_challenge_method", r.CodeChallengeMethod)
	}
	return form
}
