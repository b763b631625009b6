// Package provider assembles the OpenID Connect provider: New wires what its
// sub-packages own, and routes.go is the map of the product. It does not own
// the process around it: configuration, listeners and the database connection
// are cmd/gatelodge's.
package provider

import (
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
	"github.com/gatelodge/gatelodge/provider/authorize"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/discovery"
	"github.com/gatelodge/gatelodge/provider/engine"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/logo"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/provider/requestobject"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/provider/token"
	"github.com/gatelodge/gatelodge/provider/userinfo"
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
	Log      *slog.Logger
	Now      func() time.Time
	// Dev shows developers on error pages what was wrong with a request.
	Dev bool
}

// Provider is the handler of everything that is public, and what works beside it.
type Provider struct {
	http.Handler
	// Logouts tells clients of the end of sessions, as long as whoever runs the
	// provider runs it.
	Logouts *logout.Deliverer
}

// New returns the provider.
func New(d Deps) (*Provider, error) {
	issuer := d.Config.Issuer
	location, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the issuer: %w", err)
	}
	pages, err := consentui.New(location.Host)
	if err != nil {
		return nil, fmt.Errorf("load the pages: %w", err)
	}
	network := func(r *http.Request) string {
		return account.Network(web.ClientAddr(r, d.Config.HTTP.TrustedProxies))
	}
	directory := client.NewDirectory(d.Store, d.Now)
	clientKeys := client.NewKeys(d.Outbound)
	clientAuth := &clientauth.Authenticator{
		Secrets:   client.SecretKey(d.Secrets),
		Keys:      clientKeys,
		Audiences: []string{issuer, issuer + "/token", issuer + "/introspect", issuer + "/revoke"},
		Now:       d.Now,
	}
	authenticator := &account.Authenticator{Store: d.Store, Hasher: d.Hasher, Limits: account.DefaultLimits(), Now: d.Now}
	protocol := engine.New(engine.Deps{
		Config: engineConfig(d.Config), Store: d.Store, Directory: directory, ClientAuth: clientAuth,
		Authenticator: authenticator, Keys: d.Keys, ClientKeys: clientKeys, Secrets: d.Secrets, Now: d.Now,
	})
	tokens := &accesstoken.Verifier{Issuer: issuer, Keys: d.Keys, Reader: directory, Now: d.Now}
	cookies := &session.Cookies{
		Secure: location.Scheme == "https", Key: d.Secrets.For("device cookie"), Now: d.Now,
	}
	authorization := &authorize.Handler{
		Issuer: issuer, Store: d.Store, Directory: directory, Engine: protocol, Keys: d.Keys,
		RequestObjects: &requestobject.Resolver{
			Issuer: issuer, ClientKeys: clientKeys, Keys: d.Keys, Outbound: d.Outbound, Now: d.Now,
		},
		Implicit:      d.Config.Grants.Implicit,
		Authenticator: authenticator, Pages: pages, Network: network, Dev: d.Dev, Now: d.Now,
		Cookies:         cookies,
		Pending:         d.Secrets.For("pending authorization requests"),
		PendingLifetime: d.Config.Lifetimes.Request,
		SessionLifetime: d.Config.Lifetimes.Session,
	}
	if d.Config.Accounts.SignUp {
		authorization.Registrar = &account.Registrar{Store: d.Store, Hasher: d.Hasher, Now: d.Now}
	}
	description := metadata(issuer, protocol, authorization, d.Keys)
	registration := registrationOf(d, directory, network)
	if registration != nil {
		description.RegistrationEndpoint = issuer + "/register"
	}
	documents, err := discovery.New(description, d.Keys)
	if err != nil {
		return nil, err
	}
	logouts := logout.NewDeliverer(logout.Config{
		Issuer: issuer, Outbox: d.Store, Poster: d.Outbound, Keys: d.Keys, ClientKeys: clientKeys, Log: d.Log, Now: d.Now,
	})
	return &Provider{Logouts: logouts, Handler: routes(d, pages, endpoints{
		authorize: authorization,
		token: &token.Handler{
			Engine: protocol, Store: d.Store, Directory: directory, ClientAuth: clientAuth,
			Tokens: tokens, Network: network, Now: d.Now,
		},
		userinfo: &userinfo.Handler{
			Issuer: issuer, Tokens: tokens, Directory: directory, Keys: d.Keys, ClientKeys: clientKeys,
		},
		register: registration,
		logout: &logout.Handler{
			Issuer: issuer, Store: d.Store, Directory: directory, Keys: d.Keys, Cookies: cookies, Pages: pages,
			Deliverer: logouts, Dev: d.Dev, Now: d.Now,
			Pending:         d.Secrets.For("pending logout requests"),
			PendingLifetime: d.Config.Lifetimes.Request,
		},
		discovery: documents,
		logo:      &logo.Handler{Directory: directory, Calls: d.Outbound},
	})}, nil
}

// registrationOf returns the endpoints of registration, nil if it is closed.
func registrationOf(d Deps, directory *client.Directory, network func(*http.Request) string) *register.Handler {
	c := d.Config.Registration
	if c.Policy == "closed" {
		return nil
	}
	return &register.Handler{
		Issuer: d.Config.Issuer, Store: d.Store, Directory: directory, Outbound: d.Outbound, Secrets: d.Secrets,
		Policy: ClientPolicy(d.Config), Open: c.Policy == "open", PerNetwork: c.PerNetwork, Unused: c.Unused,
		Network: network, Now: d.Now,
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
	}
}

// metadata describes what is enabled.
func metadata(issuer string, protocol *engine.Engine, authorization *authorize.Handler, ring *keys.Ring) discovery.Metadata {
	confidential := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	withPublic := append([]string{"none"}, confidential...)
	grantTypes := protocol.GrantTypes()
	if authorization.Implicit {
		grantTypes = append(grantTypes, "implicit")
	}
	return discovery.Metadata{
		Issuer:                                     issuer,
		AuthorizationEndpoint:                      issuer + "/authorize",
		TokenEndpoint:                              issuer + "/token",
		UserinfoEndpoint:                           issuer + "/userinfo",
		IntrospectionEndpoint:                      issuer + "/introspect",
		RevocationEndpoint:                         issuer + "/revoke",
		JWKSURI:                                    issuer + "/.well-known/jwks.json",
		ScopesSupported:                            claims.Scopes(),
		ResponseTypesSupported:                     authorization.ResponseTypes(),
		ResponseModesSupported:                     oauth.ResponseModes(),
		GrantTypesSupported:                        grantTypes,
		SubjectTypesSupported:                      []string{"public", client.Pairwise},
		IDTokenSigningAlgValuesSupported:           ring.Algorithms(),
		IDTokenEncryptionAlgValuesSupported:        oauth.KeyManagementAlgorithms(),
		IDTokenEncryptionEncValuesSupported:        oauth.ContentEncryptionAlgorithms(),
		UserinfoSigningAlgValuesSupported:          ring.Algorithms(),
		UserinfoEncryptionAlgValuesSupported:       oauth.KeyManagementAlgorithms(),
		UserinfoEncryptionEncValuesSupported:       oauth.ContentEncryptionAlgorithms(),
		RequestParameterSupported:                  true,
		RequestURIParameterSupported:               true,
		RequireRequestURIRegistration:              true,
		RequestObjectSigningAlgValuesSupported:     oauth.SigningAlgorithms(),
		RequestObjectEncryptionAlgValuesSupported:  oauth.KeyManagementAlgorithms(),
		RequestObjectEncryptionEncValuesSupported:  oauth.ContentEncryptionAlgorithms(),
		ACRValuesSupported:                         claims.ACRValues(),
		DisplayValuesSupported:                     []string{"page", "popup", "touch"},
		UILocalesSupported:                         []string{"en"},
		ClaimTypesSupported:                        []string{"normal"},
		ClaimsParameterSupported:                   true,
		ClaimsSupported:                            claims.Supported(),
		PromptValuesSupported:                      authorization.Prompts(),
		CodeChallengeMethodsSupported:              []string{"S256"},
		TokenEndpointAuthMethodsSupported:          withPublic,
		TokenEndpointAuthSigningAlgValues:          oauth.SigningAlgorithms(),
		IntrospectionEndpointAuthMethods:           confidential,
		IntrospectionEndpointAuthSigningAlgValues:  oauth.SigningAlgorithms(),
		RevocationEndpointAuthMethods:              withPublic,
		RevocationEndpointAuthSigningAlgValues:     oauth.SigningAlgorithms(),
		AuthorizationResponseIssParameterSupported: true,
		EndSessionEndpoint:                         issuer + "/end_session",
		CheckSessionIframe:                         issuer + "/check_session",
		FrontchannelLogoutSupported:                true,
		FrontchannelLogoutSessionSupported:         true,
		BackchannelLogoutSupported:                 true,
		BackchannelLogoutSessionSupported:          true,
	}
}
