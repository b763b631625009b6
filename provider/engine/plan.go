package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

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

// enough: a password is all that the person has to prove or to be asked, and the
// client and the provider ask for. Whoever is told no learns as little as from a wrong password.
func (e *Engine) enough(c *storage.Client, o account.Outcome) error {
	switch {
	case !o.User.DeletesAt.IsZero():
		return fmt.Errorf("%w: sub %s is about to be deleted, and cannot be asked whether to stay", account.ErrDenied, o.User.ID)
	case factor.Has(o.Factors):
		return fmt.Errorf("%w: sub %s has a second factor, which this grant cannot prove", account.ErrDenied, o.User.ID)
	case e.Config.SecondFactor || claims.Level(c.Metadata.RequiredACR) > claims.Level(claims.ACR(o.AMR)):
		return fmt.Errorf("%w: a second factor is required, which this grant cannot prove", account.ErrDenied)
	}
	return nil
}

func (e *Engine) authenticate(ctx context.Context, w *work, login account.Login) error {
	outcome, err := e.Authenticator.Authenticate(ctx, login)
	if err == nil {
		err = e.enough(w.client, outcome)
	}
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
	w.grant.UserID, w.grant.Subject = outcome.User.ID, client.Subject(w.client, w.user)
	w.write.Succeeded = outcome.Succeeded
	w.write.Verified = &storage.Verified{UserID: outcome.User.ID, PasswordHash: outcome.User.PasswordHash}
	web.EventOf(ctx).Trouble = outcome.NotUpgraded
	return nil
}
