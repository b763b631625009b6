package logout

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/idtoken"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// flow is one logout request.
type flow struct {
	form url.Values
	// client is the one that asks, nil if the request does not say.
	client *storage.Client
	// hint is the ID token that the client gives back, nil without a good one.
	hint *idtoken.Hint
	// redirectURI is the client's, "" if the browser is not to go back.
	redirectURI string

	// browser is what the person's browser presents, and people those whom the
	// request is about of all who are signed in in it, everybody.
	browser           *session.Browser
	people, everybody []storage.SignedIn
	// proven are the sessions that the hint is proof enough to end, and elsewhere
	// says that they are another browser's.
	proven    []storage.Session
	elsewhere bool
}

// begin finds the client and who is signed in in one read, and judges what the
// request says, [OpenID Connect RP-Initiated Logout §4]. Its errors are shown on a
// page: nothing is redirected then.
//
// logout_hint is somebody's identifier; one that is nobody's is ignored.
//
// [OpenID Connect RP-Initiated Logout §4]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#ValidationAndErrorHandling
func (h *Handler) begin(r *http.Request, form url.Values) (*flow, error) {
	ctx := r.Context()
	given, err := h.readHint(ctx, form.Get("id_token_hint"))
	if err != nil {
		return nil, err
	}
	f := &flow{form: form, hint: given, browser: h.Cookies.Browser(r)}
	clientID := form.Get("client_id")
	if given != nil {
		if clientID != "" && clientID != given.ClientID {
			return nil, oauth.Refuse(oauth.InvalidRequest, "id_token_hint was not issued to client_id")
		}
		clientID = given.ClientID
	}
	state, err := h.Directory.Read(ctx, h.wanted(f, clientID))
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	f.client, f.everybody = state.Client, state.Sessions
	f.people = named(f.everybody, form.Get("logout_hint"))
	if f.client != nil {
		web.EventOf(ctx).ClientID = f.client.ID
		return f, f.proveRedirectURI()
	}
	if form.Get("client_id") != "" {
		return nil, oauth.Refuse(oauth.InvalidClient, "the application is not registered here")
	}
	f.hint = nil // of a client that there is no longer
	return f, nil
}

func (h *Handler) wanted(f *flow, clientID string) storage.Wanted {
	wanted := storage.Wanted{ClientID: clientID}
	if sessions := f.browser.Sessions(); len(sessions) > 0 {
		wanted.Sessions, wanted.ConsentFor, wanted.Now = sessions, clientID, h.Now()
	}
	return wanted
}

// proveRedirectURI makes sure that the browser goes back to an address of the
// client's only, to the letter, [OpenID Connect RP-Initiated Logout §3].
//
// [OpenID Connect RP-Initiated Logout §3]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RedirectionAfterLogout
func (f *flow) proveRedirectURI() error {
	uri, registered := f.form.Get("post_logout_redirect_uri"), f.client.Metadata.PostLogoutRedirectURIs
	if uri != "" && !slices.Contains(registered, uri) {
		return oauth.Refuse(oauth.InvalidRequest, "post_logout_redirect_uri is not one that the application registered").
			Because(&redirectMismatchError{client: f.client, received: uri})
	}
	f.redirectURI = uri
	return nil
}

// destination is where the browser goes back to, with the request's state, "" if
// nowhere.
func (f *flow) destination() string {
	state := f.form.Get("state")
	if f.redirectURI == "" || state == "" {
		return f.redirectURI
	}
	return web.WithQuery(f.redirectURI, url.Values{"state": {state}})
}

// named are those of the people whom a logout_hint names, or all of them.
func named(people []storage.SignedIn, hint string) []storage.SignedIn {
	identifier, err := account.Normalise(hint)
	if err != nil {
		return people
	}
	for i, p := range people {
		if slices.Contains(p.User.Identifiers, identifier) {
			return people[i : i+1]
		}
	}
	return people
}

// readHint returns what an ID token of ours says, nil if it is none, which is noted:
// a person who is asked is no reason to fail. It fails in an outage only.
func (h *Handler) readHint(ctx context.Context, token string) (*idtoken.Hint, error) {
	if token == "" {
		return nil, nil
	}
	given, err := h.Hints.Read(ctx, token)
	switch {
	case errors.Is(err, idtoken.ErrInvalid):
		web.EventOf(ctx).Trouble = err
		return nil, nil
	case err != nil:
		return nil, oauth.Unavailable(err)
	}
	return &given, nil
}

// prove finds the session that the hint names. It may be one of the browser's. It
// may also be another's if nobody is signed in in this one: a program may pass the
// hint on, and the browser may leave its cookies at home. But whoever is signed in
// here is not to end the session of somebody else, and is asked.
func (h *Handler) prove(ctx context.Context, f *flow) error {
	if f.hint == nil || f.hint.SID == "" {
		return nil
	}
	for _, p := range f.everybody {
		if p.SID == f.hint.SID {
			f.proven = []storage.Session{p.Session}
			return nil
		}
	}
	link, found, err := h.Store.FindSessionClient(ctx, f.hint.SID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil
	case err != nil:
		return oauth.Unavailable(err)
	}
	here := slices.Contains(f.browser.Sessions(), found.Hash)
	if link.ClientID == f.client.ID && found.EndedAt.IsZero() && (here || len(f.everybody) == 0) {
		f.proven, f.elsewhere = []storage.Session{found}, !here
	}
	return nil
}
