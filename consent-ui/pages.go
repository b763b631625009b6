package consentui

import (
	"net/url"
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
	// host it would tell that host who signs in where.
	LogoURI string
	// URI, PolicyURI and TosURI are shown as links.
	URI, PolicyURI, TosURI string
}

// Login asks for an identifier and a password.
type Login struct {
	Client Client
	// Request is the sealed pending request.
	Request string
	// RedirectURI is where the request will be answered.
	RedirectURI string
	// Identifier fills in the field: what was entered before, or the login_hint.
	Identifier string
	Problem    Problem
}

// Problem is why the login page is shown again.
type Problem string

// The problems. Who may not sign in is told ProblemDenied, for whatever reason.
const (
	ProblemNone        Problem = ""
	ProblemDenied      Problem = "denied"
	ProblemUnavailable Problem = "unavailable" // busy, or the database is down: try again
)

// Consent asks whether the client may do what it asks for.
type Consent struct {
	Client Client
	// Request is the sealed pending request.
	Request string
	// RedirectURI is where the request will be answered. Its host is shown.
	RedirectURI string
	Person      Person
	Scopes      []Scope
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
	// Title and Detail are constant texts. Without them the page says that
	// something went wrong on our side.
	Title, Detail string
	// RequestID and Time find the log line.
	RequestID string
	Time      time.Time
	// Dev is shown to developers. It is nil in production.
	Dev *DevDetail
}

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
type Expired struct{}

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

// Home says what this host is to somebody who came without an application.
type Home struct{}

func (Login) template() string    { return "login.html" }
func (Consent) template() string  { return "consent.html" }
func (Error) template() string    { return "error.html" }
func (Expired) template() string  { return "expired.html" }
func (FormPost) template() string { return "form_post.html" }
func (Home) template() string     { return "home.html" }

func (p Login) leadsTo() string    { return p.RedirectURI }
func (p Consent) leadsTo() string  { return p.RedirectURI }
func (Error) leadsTo() string      { return "" }
func (Expired) leadsTo() string    { return "" }
func (p FormPost) leadsTo() string { return p.Action }
func (Home) leadsTo() string       { return "" }

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

// Destination is where the browser goes next, as people know it: a host, or the
// scheme of an application on the device.
func (p Consent) Destination() string {
	u, err := url.Parse(p.RedirectURI)
	if err != nil {
		return ""
	}
	if u.Host != "" {
		return u.Host
	}
	if u.Scheme != "" {
		return u.Scheme + ":"
	}
	return ""
}
