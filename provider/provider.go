// Package provider assembles the OpenID Connect provider: New wires what its
// sub-packages own, and routes.go is the map of the product. It does not own
// the process around it: configuration, listeners and the database connection
// are cmd/gatelodge's.
package provider

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/authapi"
	"github.com/gatelodge/gatelodge/provider/authorize"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/discovery"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/idtoken"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/logo"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/myaccount"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/provider/requestobject"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/provider/strength"
	"github.com/gatelodge/gatelodge/provider/token"
	"github.com/gatelodge/gatelodge/provider/userinfo"
	"github.com/gatelodge/gatelodge/provider/wellknown"
	"github.com/gatelodge/gatelodge/storage"
)

// Deps is what the provider needs of its process.
type Deps struct {
	Config  *config.Config
	Store   storage.Store
	Keys    *keys.Ring
	Secrets *secret.Keys
	Hasher  *account.Hasher
	// Outbound calls what clients register.
	Outbound *outbound.Client
	// Mail sends mails: nil if there is no mail, so that nothing is offered that
	// needs it.
	Mail mail.Sender
	Log  *slog.Logger
	Now  func() time.Time
	// Dev shows developers on error pages what was wrong with a request.
	Dev bool
}

// Provider is the handler of everything that is public, and what works beside it.
type Provider struct {
	http.Handler
	// Logouts tells clients of the end of sessions, as long as whoever runs the
	// provider runs it.
	Logouts *logout.Deliverer
	// Mails delivers mails in the same way. It is nil if there is no mail.
	Mails *mail.Deliverer
}

// New returns the provider.
func New(d Deps) (*Provider, error) {
	p, err := share(d)
	if err != nil {
		return nil, err
	}
	d = p.Deps
	logouts := logout.NewDeliverer(logout.Config{
		Issuer: p.issuer, Outbox: d.Store, Outbound: d.Outbound, Keys: d.Keys, ClientKeys: p.clientKeys, Log: d.Log, Now: d.Now,
	})
	tokens := &accesstoken.Verifier{Issuer: p.issuer, Keys: d.Keys, Reader: p.directory, Now: d.Now}
	e := endpoints{
		authorize: p.authorize(),
		token: &token.Handler{
			Engine: p.engine, Store: d.Store, Directory: p.directory, ClientAuth: p.clientAuth,
			Tokens: tokens, Network: p.network, Now: d.Now,
		},
		userinfo: &userinfo.Handler{
			Issuer: p.issuer, Tokens: tokens, Directory: p.directory, Keys: d.Keys, ClientKeys: p.clientKeys,
		},
		register: p.register(),
		logout: &logout.Handler{
			Issuer: p.issuer, Store: d.Store, Directory: p.directory, Hints: p.hints, Cookies: p.cookies, Pages: p.pages,
			Deliverer: logouts, Dev: d.Dev, Now: d.Now,
			Pending: d.Secrets.For("pending logout requests"), PendingLifetime: d.Config.Lifetimes.Request,
		},
		account: &myaccount.Handler{
			Issuer: p.issuer, Store: d.Store, Directory: p.directory, Authenticator: p.authenticator, Hasher: d.Hasher,
			Passwords: PasswordPolicy(d.Config), Factors: p.factors, Links: p.links(), Cookies: p.cookies, Pages: p.pages,
			Notes: d.Secrets.For("notes between account pages"), Carried: d.Secrets.For("what account pages bring back"),
			Notices: mail.NewSealer(d.Secrets), Logouts: logouts,
			FreshFor: d.Config.Accounts.FreshFor, DeletionGrace: d.Config.Accounts.DeletionGrace,
			Network: p.network, Now: d.Now,
		},
		logo:      &logo.Handler{Directory: p.directory, Calls: d.Outbound},
		inbox:     p.inbox(),
		strength:  &strength.Handler{Issuer: p.issuer, Passwords: PasswordPolicy(d.Config)},
		wellknown: &wellknown.Handler{Issuer: p.issuer, SecurityContact: d.Config.SecurityContact, Now: d.Now},
	}
	if d.Config.Accounts.API {
		e.api = p.api(logouts.Kick)
	}
	if e.discovery, err = discovery.New(p.metadata(e), d.Keys); err != nil {
		return nil, err
	}
	return &Provider{Handler: routes(d, p.pages, e), Logouts: logouts, Mails: p.mails}, nil
}

// shared is what several families of endpoints need.
type shared struct {
	Deps
	issuer        string
	pages         *consentui.Pages
	directory     *client.Directory
	clientKeys    *client.Keys
	clientAuth    *clientauth.Authenticator
	authenticator *account.Authenticator
	engine        *engine.Engine
	hints         *idtoken.Reader
	cookies       *session.Cookies
	mails         *mail.Deliverer // nil if there is no mail
	factors       *factor.Keeper
}

func share(d Deps) (*shared, error) {
	issuer := d.Config.Issuer
	location, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the issuer: %w", err)
	}
	pages, err := LoadPages(d.Config)
	if err != nil {
		return nil, err
	}
	for _, warning := range d.Config.Theme.Look().Warnings() {
		d.Log.WarnContext(context.Background(), "theme", slog.String("trouble", warning))
	}
	mails := mailsOf(d, pages)
	d.Store = mailing{d.Store, mails}
	s := &shared{
		Deps: d, issuer: issuer, pages: pages, mails: mails,
		hints:      &idtoken.Reader{Issuer: issuer, Keys: d.Keys},
		directory:  client.NewDirectory(d.Store, d.Now),
		clientKeys: client.NewKeys(d.Outbound),
		authenticator: &account.Authenticator{
			Store: d.Store, Hasher: d.Hasher, Limits: account.DefaultLimits(), Now: d.Now,
		},
		cookies: &session.Cookies{
			Secure: location.Scheme == "https", Kept: d.Config.Lifetimes.Session, Key: d.Secrets.For("device cookie"), Now: d.Now,
		},
	}
	if s.factors, err = factor.New(factor.Config{
		Issuer: issuer, Name: d.Config.Theme.Name, Secrets: d.Secrets, Mails: mail.NewSealer(d.Secrets),
		Lifetime: d.Config.Lifetimes.Request, Required: d.Config.Accounts.SecondFactor == "required", Now: d.Now,
	}); err != nil {
		return nil, err
	}
	s.clientAuth = &clientauth.Authenticator{
		Secrets:   client.SecretKey(d.Secrets),
		Keys:      s.clientKeys,
		Audiences: []string{issuer, issuer + "/token", issuer + "/introspect", issuer + "/revoke"},
		Now:       d.Now,
	}
	s.engine = engine.New(engine.Deps{
		Config: engineConfig(d.Config), Store: d.Store, Directory: s.directory, ClientAuth: s.clientAuth,
		Authenticator: s.authenticator, Keys: d.Keys, ClientKeys: s.clientKeys, Secrets: d.Secrets, Now: d.Now,
	})
	return s, nil
}

// network names where a request comes from.
func (s *shared) network(r *http.Request) string {
	return account.Network(web.ClientAddr(r, s.Config.HTTP.TrustedProxies))
}

func (s *shared) authorize() *authorize.Handler {
	h := &authorize.Handler{
		Issuer: s.issuer, Store: s.Store, Directory: s.directory, Engine: s.engine, Hints: s.hints,
		RequestObjects: &requestobject.Resolver{
			Issuer: s.issuer, ClientKeys: s.clientKeys, Keys: s.Keys, Outbound: s.Outbound, Now: s.Now,
		},
		IdentifierFirst: s.Config.Accounts.SignIn == "identifier_first",
		Authenticator:   s.authenticator, Factors: s.factors, Implicit: s.Config.Grants.Implicit,
		Cookies: s.cookies, Pages: s.pages, Notices: mail.NewSealer(s.Secrets), Network: s.network, Dev: s.Dev, Now: s.Now,
		Pending:         s.Secrets.For("pending authorization requests"),
		PendingLifetime: s.Config.Lifetimes.Request,
		SessionLifetime: s.Config.Lifetimes.Session, BrowserSessionLifetime: s.Config.Lifetimes.BrowserSession,
	}
	h.Links = s.links()
	h.SignUp, h.MagicLink = h.Links != nil && s.Config.Accounts.SignUp, h.Links != nil && s.Config.Accounts.MagicLink
	return h
}

// api lets the operator's own applications have forms of theirs.
func (s *shared) api(signedOut func()) *authapi.Handler {
	h := &authapi.Handler{
		Store: s.Store, Directory: s.directory, Engine: s.engine, Authenticator: s.authenticator, Factors: s.factors,
		Links: s.links(), Cookies: s.cookies, Notices: mail.NewSealer(s.Secrets), Continuations: s.Secrets.For("continuations of sign-ins"), SignedOut: signedOut,
		Language: func(r *http.Request) string { return s.pages.TextsFor(r).Lang }, Network: s.network,
		SessionLifetime: s.Config.Lifetimes.Session, BrowserSessionLifetime: s.Config.Lifetimes.BrowserSession, Now: s.Now,
	}
	h.SignUp = h.Links != nil && s.Config.Accounts.SignUp
	return h
}

// links prove people's addresses. They are nil if there is no mail.
func (s *shared) links() *account.Links {
	if s.mails == nil {
		return nil
	}
	l := Links(s.Config, s.Store, s.Secrets, s.Now)
	l.Hasher = s.Hasher
	return l
}

// Links are those of the provider with the settings, without a hasher, which only the
// choice of a password needs.
func Links(c *config.Config, store account.LinkStore, secrets *secret.Keys, now func() time.Time) *account.Links {
	return &account.Links{
		Issuer: c.Issuer, Store: store, Limits: account.DefaultLimits(), Now: now, Passwords: PasswordPolicy(c),
		Data: secrets.For("mailed links"), Codes: secrets.For("codes in mails"), Mails: mail.NewSealer(secrets),
	}
}

// register returns the endpoints of registration, nil if it is closed.
func (s *shared) register() *register.Handler {
	c := s.Config.Registration
	if c.Policy == "closed" {
		return nil
	}
	return &register.Handler{
		Issuer: s.issuer, Store: s.Store, Directory: s.directory, Outbound: s.Outbound, Secrets: s.Secrets,
		Policy: ClientPolicy(s.Config), Open: c.Policy == "open", PerNetwork: c.PerNetwork, Unused: c.Unused,
		Network: s.network, Now: s.Now,
	}
}

// ClientPolicy is what the settings let clients be. Who lets the provider call
// this machine is trying it out there, applications included.
func ClientPolicy(c *config.Config) client.Policy {
	loopback := func(p netip.Prefix) bool {
		return p.Contains(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || p.Contains(netip.IPv6Loopback())
	}
	return client.Policy{
		Signing:  c.Keys.Algorithms,
		Implicit: c.Grants.Implicit,
		HTTP:     c.Outbound.HTTP,
		Loopback: slices.ContainsFunc(c.Outbound.Allow, loopback),
	}
}

// PasswordPolicy is which passwords the settings let people choose: none that is
// hardly more than what the provider is called.
func PasswordPolicy(c *config.Config) account.Policy {
	return account.Policy{MinLength: c.Accounts.MinPassword, Product: []string{c.Theme.Name, c.Issuer}}
}

func engineConfig(c *config.Config) engine.Config {
	return engine.Config{
		Issuer:               c.Issuer,
		CodeLifetime:         c.Lifetimes.Code,
		AccessTokenLifetime:  c.Lifetimes.AccessToken,
		IDTokenLifetime:      c.Lifetimes.IDToken,
		RefreshTokenLifetime: c.Lifetimes.RefreshToken,
		GrantLifetime:        c.Lifetimes.Grant,
		RefreshGrace:         c.Refresh.Grace,
		PasswordGrant:        c.Grants.Password,
		PasswordGrantPublic:  c.Grants.PasswordPublic,
		SecondFactor:         c.Accounts.SecondFactor == "required",
	}
}

// LoadPages loads the pages as the settings want them.
func LoadPages(c *config.Config) (*consentui.Pages, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the issuer: %w", err)
	}
	pages, err := consentui.New(consentui.Options{
		Issuer: issuer, Name: c.Theme.Name, Language: c.Languages.Default, Theme: c.Theme.Look(),
		Logo: c.Theme.Logo, LogoDark: c.Theme.LogoDark, Templates: c.Theme.Templates,
	})
	if err != nil {
		return nil, fmt.Errorf("load the pages: %w", err)
	}
	return pages, nil
}
