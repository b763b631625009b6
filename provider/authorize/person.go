package authorize

import (
	"slices"
	"strconv"
	"time"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

// identify decides which of the people in the browser the request is about: the
// one that a page of ours was shown to; else the one that the request demands;
// else the one it hints at; else the one who was here last.
func (f *flow) identify(shownTo string) {
	byID := func(p storage.SignedIn) bool { return p.User.ID == shownTo }
	switch {
	case shownTo != "":
		f.pick(byID)
	case f.hint != "":
		f.pick(f.demanded)
	case f.pick(f.hinted):
	case len(f.people) > 0:
		f.who = &f.people[0]
	}
}

// pick makes the first of whom is says so the one, and reports whether there is
// one.
func (f *flow) pick(is func(storage.SignedIn) bool) bool {
	i := slices.IndexFunc(f.people, is)
	if i < 0 {
		return false
	}
	f.who = &f.people[i]
	return true
}

// demanded: the person is the one that id_token_hint or claims name.
func (f *flow) demanded(p storage.SignedIn) bool { return client.Subject(f.client, &p.User) == f.hint }

// hinted: the person is the one that login_hint names.
func (f *flow) hinted(p storage.SignedIn) bool {
	identifier, err := account.Normalise(f.request.LoginHint)
	return err == nil && slices.Contains(p.User.Identifiers, identifier)
}

// authenticated: the person is signed in as recently as the request demands.
func (f *flow) authenticated() bool {
	if f.who == nil {
		return false
	}
	return f.signedIn || f.expected() && f.recent()
}

// recent: the session will do. prompt=login asks for a sign-in during this very
// request, and so does max_age=0; any other max_age for one not longer ago than
// that when the request began, OpenID Connect Core §3.1.2.1.
func (f *flow) recent() bool {
	if f.request.Prompts("login") {
		return false
	}
	seconds, limited := f.maxAge()
	if !limited {
		return true
	}
	oldest := f.started.Add(-time.Duration(seconds) * time.Second)
	return seconds > 0 && !f.who.Session.AuthTime.Before(oldest)
}

// maxAge is the request's, else the one that the client registered.
func (f *flow) maxAge() (seconds int, limited bool) {
	if f.request.MaxAge != "" {
		seconds, _ = strconv.Atoi(f.request.MaxAge) // checked by checkMaxAge
		return seconds, true
	}
	if age := f.client.Metadata.DefaultMaxAge; age != nil {
		return *age, true
	}
	return 0, false
}

// expected: the person is the one that the request demands, if it demands one.
func (f *flow) expected() bool { return f.hint == "" || f.demanded(*f.who) }

// asked are the scopes that stand for all that the client will get: what the
// person is asked for.
func (f *flow) asked() []string {
	asked := slices.Clone(f.scopes)
	for _, scope := range f.claims.Scopes() {
		if !slices.Contains(asked, scope) {
			asked = append(asked, scope)
		}
	}
	return asked
}

// agreed: the person has allowed the client all that it will get.
func (f *flow) agreed() bool {
	if f.approved {
		return true
	}
	if f.request.Prompts("consent") {
		return false
	}
	if f.client.Metadata.SkipConsent {
		return true
	}
	// A code is of use only to who can authenticate, tokens to whoever gets them.
	unproven := client.IsPublic(f.client) || f.request.FrontChannel()
	if unproven && client.AnyoneCanListen(f.request.RedirectURI) {
		return false // nothing proves that it is the same program as before
	}
	return !slices.ContainsFunc(f.asked(), func(s string) bool { return !slices.Contains(f.who.Consent, s) })
}
