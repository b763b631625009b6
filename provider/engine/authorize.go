package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// Authorization is what the person has agreed to.
type Authorization struct {
	Client  *storage.Client
	Request *oauth.AuthorizationRequest
	User    *storage.User
	Session *storage.Session
	// SID is what the client knows the session by, "" if it has not signed in
	// during it before.
	SID string
	// Scopes and Audience are those granted, and Claims what else may be told.
	Scopes, Audience []string
	Claims           claims.Request
}

// Authorize issues the parameters of a successful authorization response,
// [RFC 6749 §4.1.2] and [OAuth 2.0 Multiple Response Types §3], and adds to the
// write what they stand for: they may be sent once the write has been applied.
//
// [RFC 6749 §4.1.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
// [OAuth 2.0 Multiple Response Types §3]: https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#id_token
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
	return e.parameters(w, response.GetParameters()), nil
}

// parameters are those of fosite's that are the response, with what it says of
// the access token replaced by what is true of ours.
func (e *Engine) parameters(w *work, made url.Values) url.Values {
	response := url.Values{}
	for _, name := range []string{"code", "access_token", "id_token"} {
		if made.Has(name) {
			response.Set(name, made.Get(name))
		}
	}
	if response.Has("access_token") {
		response.Set("token_type", "Bearer")
		response.Set("expires_in", strconv.FormatInt(int64(e.Config.AccessTokenLifetime.Seconds()), 10))
		response.Set("scope", strings.Join(w.scopes, " "))
	}
	return response
}

// authorization prepares the grant and the code, whose hash and challenge are
// filled in when fosite stores them.
func (e *Engine) authorization(a Authorization, write *storage.Write) *work {
	now := write.Now
	write.Grant = &storage.Grant{
		ID: rand.Text(), ClientID: a.Client.ID, UserID: a.User.ID, Subject: client.Subject(a.Client, a.User),
		SessionID: a.Session.ID, SID: a.SID,
		Scopes: a.Scopes, Audience: a.Audience, Claims: a.Claims.Encode(),
		AuthTime: a.Session.AuthTime, AMR: a.Session.AMR,
		CreatedAt: now, ExpiresAt: e.grantExpiry(now, a.Scopes),
	}
	write.UsesClient = kept(a.Client)
	if a.SID == "" {
		e.enter(write)
	}
	if a.Request.Returns("code") {
		write.Code = &storage.Code{
			GrantID: write.Grant.ID, Nonce: a.Request.Nonce,
			CreatedAt: now, ExpiresAt: now.Add(e.Config.CodeLifetime),
		}
		if a.Request.RedirectURISent {
			write.Code.RedirectURI = a.Request.RedirectURI
		}
	}
	return &work{
		now: now, client: a.Client, user: a.User, write: write, grant: write.Grant,
		granted: a.Scopes, scopes: a.Scopes, audience: a.Audience, nonce: a.Request.Nonce,
		front: a.Request,
	}
}

// enter has the client take part in the session, under a sid of its own: the
// same, however many of its requests come at once.
func (e *Engine) enter(write *storage.Write) {
	g := write.Grant
	g.SID = base64.RawURLEncoding.EncodeToString(e.sids.MAC([]byte(g.SessionID), []byte(g.ClientID))[:16])
	write.SessionClient = &storage.SessionClient{
		SessionID: g.SessionID, ClientID: g.ClientID, SID: g.SID, Subject: g.Subject, CreatedAt: write.Now,
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
	form := url.Values{"redirect_uri": {r.RedirectURI}, "nonce": {r.Nonce}}
	if r.CodeChallenge != "" {
		form.Set("code_challenge", r.CodeChallenge)
		form.Set("code_challenge_method", r.CodeChallengeMethod)
	}
	return form
}
