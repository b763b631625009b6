package token

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// lookup is what the request's one read found of the presented token.
type lookup struct {
	caller  *storage.Client
	access  *accesstoken.Claims   // of a good access token, or nil
	refresh *storage.RefreshToken // a refresh token of ours, good or not, or nil
	grant   *storage.Grant
	user    *storage.User
	issuer  string
}

// claims are those of the token if it is good, nil if not, and its token_type.
func (l *lookup) claims(now time.Time) (*accesstoken.Claims, string) {
	if l.access != nil {
		return l.access, "Bearer"
	}
	if !l.refreshable(now) {
		return nil, ""
	}
	return &accesstoken.Claims{
		Issuer:    l.issuer,
		Subject:   accesstoken.Subject(l.grant),
		ExpiresAt: l.refresh.ExpiresAt.Unix(),
		IssuedAt:  l.refresh.CreatedAt.Unix(),
		ClientID:  l.grant.ClientID,
		Audience:  l.grant.Audience,
		Scope:     strings.Join(l.grant.Scopes, " "),
	}, ""
}

// refreshable: the refresh token is the last of a family that lives.
func (l *lookup) refreshable(now time.Time) bool {
	return l.refresh != nil && l.refresh.UsedAt.IsZero() && now.Before(l.refresh.ExpiresAt) &&
		accesstoken.Alive(l.grant, l.user, now)
}

// lookUp authenticates the client and finds the token of the request, in one
// read. token_type_hint is not needed: a token shows its type.
func (h *Handler) lookUp(w http.ResponseWriter, r *http.Request) (*lookup, error) {
	form, credentials, err := h.parse(w, r)
	if err != nil {
		return nil, err
	}
	if !form.Has("token") {
		return nil, oauth.Refuse(oauth.InvalidRequest, "token is missing")
	}
	raw := form.Get("token")
	wanted, presented := storage.Wanted{}, (*accesstoken.Presented)(nil)
	if strings.HasPrefix(raw, accesstoken.RefreshPrefix) {
		wanted.Refresh = storage.HashOf(raw)
	} else if presented, err = h.Tokens.Parse(r.Context(), raw); err == nil {
		wanted = presented.Wanted()
	} else if !errors.Is(err, accesstoken.ErrInactive) {
		return nil, oauth.Unavailable(err)
	}
	wanted.ClientID = credentials.ClientID
	state, err := h.Directory.Read(r.Context(), wanted)
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	if state.Client != nil {
		web.EventOf(r.Context()).ClientID = state.Client.ID
	}
	if err := h.authenticate(r.Context(), credentials, state.Client); err != nil {
		return nil, err
	}
	found := &lookup{
		caller: state.Client, refresh: state.Refresh,
		grant: state.Grant, user: state.User, issuer: h.Tokens.Issuer,
	}
	if presented != nil {
		found.access, err = h.Tokens.Judge(presented, state)
		if err != nil && !errors.Is(err, accesstoken.ErrInactive) {
			return nil, err
		}
	}
	return found, nil
}

// authenticate checks the client's credentials, and consumes its assertion if
// it sent one.
func (h *Handler) authenticate(ctx context.Context, c clientauth.Credentials, known *storage.Client) error {
	assertion, err := h.ClientAuth.Check(ctx, c, known)
	if err != nil || assertion == nil {
		return err
	}
	err = h.Store.Apply(ctx, storage.Write{Key: rand.Text(), Now: h.Now(), Assertion: assertion})
	if errors.Is(err, storage.ErrReplayed) {
		return oauth.Refuse(oauth.InvalidClient, "client authentication failed").Because(err)
	}
	if err != nil {
		return oauth.Unavailable(err)
	}
	return nil
}
