package engine

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// work is one request's unit of work: what was read for it, and what it will
// write. It travels in the context, so that fosite's storage calls find it.
type work struct {
	now    time.Time
	client *storage.Client
	state  storage.State
	write  *storage.Write
	form   url.Values

	// grant is what the tokens hang on: the one read, or the one to be written.
	grant *storage.Grant
	user  *storage.User
	// granted are the grant's scopes that the client is still registered for.
	granted []string
	// scopes and audience are those of the access token, which can be narrower
	// than the grant's.
	scopes, audience []string
	nonce            string
	// front is the authorization request while it is answered, nil at the token
	// endpoint.
	front           *oauth.AuthorizationRequest
	accessExpiresAt time.Time

	// authenticate checks a person's password, for the password grant.
	authenticate func(ctx context.Context, username, password string) error
	// denied is why the person may not sign in, for the log.
	denied error
	// outage is why the database could not answer.
	outage error
	// reused: a code or refresh token came back that ends its grant.
	reused bool
}

type workKey struct{}

func with(ctx context.Context, w *work) context.Context {
	return context.WithValue(ctx, workKey{}, w)
}

func workOf(ctx context.Context) *work {
	w, _ := ctx.Value(workKey{}).(*work) // every call of fosite's gets one
	return w
}

// requester presents the grant to fosite as the authorization request that it
// came of. Each call returns a fresh one: fosite changes what it gets.
func (w *work) requester(form url.Values) fosite.Requester {
	return &fosite.Request{
		ID:              w.grant.ID,
		RequestedAt:     w.grant.CreatedAt,
		Client:          fositeClient{w.client},
		RequestedScope:  fosite.Arguments(w.grant.Scopes),
		GrantedScope:    fosite.Arguments(slices.Clone(w.granted)),
		GrantedAudience: fosite.Arguments(slices.Clone(w.audience)),
		Form:            form,
		Session:         newSession(w),
	}
}
