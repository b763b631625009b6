package consentui

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Page is one of the structs of this package.
type Page interface {
	// template is the name of its file.
	template() string
	// leadsTo is the redirect URI at which the answer to its form may end, ""
	// if its form stays with us.
	leadsTo() string
}

// Client is the application that sent the person here, as it is registered.
type Client struct {
	// Name is what the person knows it as. Without it they are told of "an
	// application".
	Name string
	// LogoURI is shown if it is a path of ours or a data: image. From another
	// host it would tell that host who signs in where. Initials stand for one
	// that cannot be loaded.
	LogoURI string
	// OwnAccount: it is no application, but our own pages about the person's account.
	OwnAccount bool
	// Unverified: it has registered itself, and nobody here knows it.
	Unverified bool
	// Theme is what the pages look like on the way to it.
	Theme Theme
	// URI, PolicyURI and TosURI are shown as links.
	URI, PolicyURI, TosURI string
}

// Step is what the pages have in common that an authorization request leads to.
type Step struct {
	Client Client
	// Request is the sealed pending request.
	Request string
	// RedirectURI is where the request will be answered.
	RedirectURI string
	// UILocales are the languages that the application asked for, [OpenID Connect
	// Core §3.1.2.1]. They come before those that the browser sends.
	//
	// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
	UILocales string
}

// Login asks for an identifier and a password.
type Login struct {
	Step
	// Identifier fills in the field: what was entered before, the login_hint, or
	// whoever the id_token_hint demands.
	Identifier string
	Problem    Problem
	// Again: the person is signed in, but the request demands that they sign in
	// once more, by prompt=login or max_age.
	Again bool
	// Stage is what of it is asked for on this page.
	Stage Stage
	// Continue is who has signed in in the meantime, in another tab, and need not do so
	// again; nil if nobody has.
	Continue *Account
	// SignUp: who has no account may create one.
	SignUp bool
	// Passkey is asked for beside, nil where there is none.
	Passkey *Passkey
	// Remember ticks "stay signed in".
	Remember bool
	// Forgotten: who has forgotten the password may choose another, and MailsLink:
	// who prefers it is mailed a link to sign in with.
	Forgotten, MailsLink bool
}

// Stage is a part of signing in, where the identifier is asked for first.
type Stage string

// The stages. Both come with every identifier, whether somebody has it or not.
const (
	StageBoth       Stage = ""
	StageIdentifier Stage = "identifier"
	StagePassword   Stage = "password" // of the Identifier, which is shown
)

// Problem is why the login or the sign-up page is shown again.
type Problem string

// The problems of both pages. Who may not sign in is told ProblemDenied, for
// whatever reason.
const (
	ProblemNone        Problem = ""
	ProblemDenied      Problem = "denied"
	ProblemUnavailable Problem = "unavailable" // busy, or the database is down: try again
)

// The problems of the login page alone.
const (
	ProblemIdentifier Problem = "identifier" // none was entered
	ProblemStale      Problem = "stale"      // what was proved first has waited for too long
	ProblemPasskey    Problem = "passkey"    // of the offer of a passkey too: it did not work
)

// The problems of the sign-up page alone.
const (
	ProblemName     Problem = "name"     // missing, too long, or not a text
	ProblemEmail    Problem = "email"    // not an email address
	ProblemPassword Problem = "password" // empty, too long, or not a text
)

// The problems of every page on which a password is chosen, beside ProblemPassword.
const (
	ProblemPasswordShort    Problem = "password_short"
	ProblemPasswordCommon   Problem = "password_common"   // many people use it
	ProblemPasswordPersonal Problem = "password_personal" // it is a name or address of theirs or ours
	ProblemPasswordSimple   Problem = "password_simple"   // a sequence, a date or a repetition
)

// OfPassword reports whether it is about the password that the person chose.
func (p Problem) OfPassword() bool { return strings.HasPrefix(string(p), string(ProblemPassword)) }

// Choose asks which of the people is meant who are signed in in this browser, or
// were: prompt=select_account, [OpenID Connect Core §3.1.2.1], or nothing says who.
//
// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
type Choose struct {
	Step
	Accounts []Account
}

// Account is somebody who can be chosen.
type Account struct {
	Person Person
	// Value comes back when they are. It says nothing to anybody but us.
	Value string
	// SignedIn: they need not sign in. Anybody else can be forgotten.
	SignedIn bool
}

// SignUp asks for what an account needs.
type SignUp struct {
	Step
	// Name and Email fill in the fields.
	Name, Email string
	// MinPassword is how many characters a password has at least.
	MinPassword int
	Problem     Problem
}

// Consent asks whether the client may do what it asks for, and shows the host of
// the RedirectURI.
type Consent struct {
	Step
	Person Person
	Scopes []Scope
	// Resources are the names of the APIs that it is for, if the client says.
	Resources []string
}

// Person is who is signed in.
type Person struct {
	Name, Identifier string
}

// Scope is something that the client asks for.
type Scope struct {
	Name string
	// Description ends the sentence "This allows … to", in the imperative. If
	// it is "", the standard scopes have texts of ours, and any other scope is
	// shown by its name.
	Description string
	// Granted: it was allowed before.
	Granted bool
}

// Error says what went wrong, to the person and not to the client.
type Error struct {
	Fault Fault
	// Reason says more to who builds the application: a constant text in English.
	Reason string
	// RequestID and Time find the log line.
	RequestID string
	Time      time.Time
	// Dev is shown to developers. It is nil in production.
	Dev *DevDetail
}

// Fault is what an [Error] page is about.
type Fault string

// The faults.
const (
	FaultOurs     Fault = ""          // something went wrong on our side
	FaultRequest  Fault = "request"   // the authorization request is not valid
	FaultSignOut  Fault = "sign_out"  // the logout request is not valid
	FaultForm     Fault = "form"      // a form of ours came back as it cannot
	FaultNotFound Fault = "not_found" // there is no such page
)

// DevDetail is what a developer wants to know of a refused request.
type DevDetail struct {
	Code, Description string
	ClientID          string
	// RedirectURI is the one received, Registered those that would have done.
	RedirectURI string
	Registered  []string
}

// Expired says that the pending request cannot be opened: it is too old, or was
// begun in another browser.
type Expired struct {
	// Client is the application that the person was on the way to, if it is known, and
	// ContinueURI where a link leads back to, the Client's URI without it.
	Client      Client
	ContinueURI string
}

// FormPost sends the answer by [OAuth 2.0 Form Post Response Mode], at once with
// JavaScript and by a button without.
//
// [OAuth 2.0 Form Post Response Mode]: https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
type FormPost struct {
	Client Client
	// Action is the redirect URI.
	Action     string
	Parameters []Parameter
}

// Parameter is a parameter of the answer.
type Parameter struct {
	Name, Value string
}

// SignOut asks whether the person wants to be signed out, where nothing proves
// it: [OpenID Connect RP-Initiated Logout §2].
//
// [OpenID Connect RP-Initiated Logout §2]: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
type SignOut struct {
	// Client is the application that asks. Without a name it is not known.
	Client Client
	// Request is the sealed logout request.
	Request string
	// ContinueURI is the post_logout_redirect_uri, "" if the person stays here.
	ContinueURI string
	// People are those who will be signed out, and Apps the applications in which they
	// are signed in.
	People []Person
	Apps   []Client
	// UILocales are the languages that the application asked for.
	UILocales string
}

// SigningOut tells the applications in which the person was, each in a frame of
// its own, and then goes on by itself: [OpenID Connect Front-Channel Logout §3].
// It waits for all of them, or for 5 seconds.
//
// [OpenID Connect Front-Channel Logout §3]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout
type SigningOut struct {
	// Client is the application that is gone on to.
	Client Client
	// FrameURIs are the addresses that tell them, iss and sid included.
	FrameURIs []string
	// ContinueURI is the post_logout_redirect_uri with its state, or a path of
	// ours. Without one the browser goes on to [SignedOutPath].
	ContinueURI string
}

// SignedOutPath is where [SigningOut] goes by itself. GET shows [SignedOut].
const SignedOutPath = "/logout"

// SignedOut says that the person is signed out.
type SignedOut struct {
	// Client is the application that asked for it, if it is known.
	Client Client
	// ContinueURI is where a link leads back to, the Client's URI without it.
	ContinueURI string
}

// StillSignedIn says that the person, when asked, wanted to stay signed in.
type StillSignedIn struct {
	// Client is the application that asked, if it is known.
	Client Client
	// ContinueURI is where a link leads back to, the Client's URI without it.
	ContinueURI string
}

// CheckSession is the document that applications load in a frame to ask whether
// the person is still signed in: [OpenID Connect Session Management §3.2]. It
// shows nothing, and is the same for everybody.
//
// An answer compares the session_state with the base64url, without padding, of
// the SHA-256 of client_id, the application's origin, the OP browser state and
// the salt, with a space between each; a dot and the salt follow. A browser
// without the cookie has the state "".
//
// [OpenID Connect Session Management §3.2]: https://openid.net/specs/openid-connect-session-1_0.html#OPiframe
type CheckSession struct {
	// Cookie is the name of the cookie that holds the OP browser state.
	Cookie string
}

// Home says what this host is to somebody who came without an application.
type Home struct{}

func (Login) template() string         { return "login.html" }
func (Choose) template() string        { return "choose.html" }
func (SignUp) template() string        { return "sign_up.html" }
func (Consent) template() string       { return "consent.html" }
func (Error) template() string         { return "error.html" }
func (Expired) template() string       { return "expired.html" }
func (FormPost) template() string      { return "form_post.html" }
func (SignOut) template() string       { return "sign_out.html" }
func (SigningOut) template() string    { return "signing_out.html" }
func (SignedOut) template() string     { return "signed_out.html" }
func (StillSignedIn) template() string { return "still_signed_in.html" }
func (CheckSession) template() string  { return "check_session.html" }
func (Home) template() string          { return "home.html" }

func (s Step) client() Client          { return s.Client }
func (p FormPost) client() Client      { return p.Client }
func (p SignOut) client() Client       { return p.Client }
func (p SigningOut) client() Client    { return p.Client }
func (p SignedOut) client() Client     { return p.Client }
func (p StillSignedIn) client() Client { return p.Client }
func (s Step) request() string         { return s.Request }
func (s Step) uiLocales() string       { return s.UILocales }
func (p SignOut) uiLocales() string    { return p.UILocales }
func (s Step) leadsTo() string         { return s.RedirectURI }
func (Error) leadsTo() string          { return "" }
func (Expired) leadsTo() string        { return "" }
func (p FormPost) leadsTo() string     { return p.Action }
func (p SignOut) leadsTo() string      { return p.ContinueURI }
func (p SigningOut) leadsTo() string   { return p.ContinueURI }
func (SignedOut) leadsTo() string      { return "" }
func (StillSignedIn) leadsTo() string  { return "" }
func (CheckSession) leadsTo() string   { return "" }
func (Home) leadsTo() string           { return "" }

// Optional: the person need not allow it for the client to get the rest. That it is
// them is what signing in is.
func (s Scope) Optional() bool { return !s.Granted && s.Name != "openid" }

// Optional: some of it can be left out.
func (p Consent) Optional() bool { return slices.ContainsFunc(p.Scopes, Scope.Optional) }

// NewScopes are those that were not allowed before.
func (p Consent) NewScopes() []Scope { return p.scopes(false) }

// GrantedScopes are those that were allowed before.
func (p Consent) GrantedScopes() []Scope { return p.scopes(true) }

func (p Consent) scopes(granted bool) []Scope {
	var some []Scope
	for _, s := range p.Scopes {
		if s.Granted == granted {
			some = append(some, s)
		}
	}
	return some
}

// Next is where the browser goes on to.
func (p SigningOut) Next() string {
	if p.ContinueURI == "" {
		return SignedOutPath
	}
	return p.ContinueURI
}

// Destination is where the browser goes next, as people know it: a host, or the
// scheme of an application on the device, which can name any host after it.
func (p Consent) Destination() string {
	u, err := url.Parse(p.RedirectURI)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "":
		return ""
	case "https", "http":
		return u.Host
	default:
		return u.Scheme + ":"
	}
}
