// Package engine runs the protocol's state machine: it issues codes, exchanges
// them, rotates refresh tokens and grants tokens to clients and by password. It
// is the only package that knows ory/fosite, whose faults it corrects, and it
// exports no type of it.
//
// It does not own HTTP, the pages, the proof of who a client or a person is, nor
// the validation of authorization requests. Introspection and revocation are
// beside it, in provider/token: they are one look-up each.
//
// A request's storage work is one read before fosite runs and one write after
// it has built the whole response: fosite's storage calls are answered from the
// former and collected into the latter.
package engine

import (
	"context"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/clientauth"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// Config is what an operator decides about tokens.
type Config struct {
	// Issuer is the issuer identifier, without a trailing slash.
	Issuer               string
	CodeLifetime         time.Duration
	AccessTokenLifetime  time.Duration
	IDTokenLifetime      time.Duration
	RefreshTokenLifetime time.Duration
	// GrantLifetime bounds a family of refresh tokens, however often rotated.
	GrantLifetime time.Duration
	// RefreshGrace is how long a refresh token may be presented again, for the
	// same successor, unless the client registered another time.
	RefreshGrace time.Duration
	// PasswordGrant allows RFC 6749 §4.3 to clients that are registered for it,
	// and PasswordGrantPublic even to those without a secret.
	PasswordGrant, PasswordGrantPublic bool
	// SecondFactor is required of everybody.
	SecondFactor bool
}

// Store is what the engine asks of storage beside the directory.
type Store interface {
	Apply(context.Context, storage.Write) error
	RevokeGrant(ctx context.Context, grantID string, at time.Time) error
}

// Signer signs tokens.
type Signer interface {
	Sign(ctx context.Context, alg, typ string, claims any) (string, error)
}

// Deps is what the engine works with.
type Deps struct {
	Config        Config
	Store         Store
	Directory     *client.Directory
	ClientAuth    *clientauth.Authenticator
	Authenticator *account.Authenticator
	Keys          Signer
	ClientKeys    *client.Keys
	Secrets       *secret.Keys
	Now           func() time.Time
}

// Engine is safe for concurrent use.
type Engine struct {
	Deps
	successors *secret.Key
	sids       *secret.Key
	fosite     *fosite.Fosite
}

// New returns an engine.
func New(deps Deps) *Engine {
	e := &Engine{Deps: deps, successors: deps.Secrets.For("refresh token successors"), sids: deps.Secrets.For("sids")}
	config := fositeConfig(deps.Config)
	e.handlers(config)
	e.fosite = &fosite.Fosite{Store: store{e}, Config: config}
	return e
}

// fositeConfig sets every field that fosite would otherwise fill in lazily: its
// getters write without a lock.
func fositeConfig(c Config) *fosite.Config {
	return &fosite.Config{
		AuthorizeCodeLifespan:          c.CodeLifetime,
		AccessTokenLifespan:            c.AccessTokenLifetime,
		IDTokenLifespan:                c.IDTokenLifetime,
		RefreshTokenLifespan:           c.RefreshTokenLifetime,
		RefreshTokenScopes:             []string{"offline_access"},
		IDTokenIssuer:                  c.Issuer,
		ScopeStrategy:                  fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:       anyAudience,
		ClientSecretsHasher:            noHasher{},
		ClientAuthenticationStrategy:   authenticated,
		JWKSFetcherStrategy:            fosite.NewDefaultJWKSFetcherStrategy(),
		EnforcePKCEForPublicClients:    true,
		EnablePKCEPlainChallengeMethod: false,
		MinParameterEntropy:            1,
		OmitRedirectScopeParam:         true,
		RedirectSecureChecker:          registeredRedirect,
		SanitationWhiteList:            []string{"redirect_uri"},
	}
}

// handlers adds fosite's handlers over the engine's own storage, token and client
// strategies.
func (e *Engine) handlers(config *fosite.Config) {
	store, tokens := store{e}, tokens{e}
	access := &oauth2.HandleHelper{AccessTokenStrategy: tokens, AccessTokenStorage: store, Config: config}
	idTokens := &openid.IDTokenHandleHelper{IDTokenStrategy: tokens}
	code := &oauth2.AuthorizeExplicitGrantHandler{
		AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, AuthorizeCodeStrategy: tokens,
		CoreStorage: store, TokenRevocationStorage: store, Config: config,
	}
	implicit := &oauth2.AuthorizeImplicitGrantTypeHandler{
		AccessTokenStrategy: tokens, AccessTokenStorage: store, Config: config,
	}
	requests := openid.NewOpenIDConnectRequestValidator(nil, config)
	hybrid := &openid.OpenIDConnectHybridHandler{
		AuthorizeImplicitGrantTypeHandler: implicit, AuthorizeExplicitGrantHandler: code,
		IDTokenHandleHelper: idTokens, OpenIDConnectRequestValidator: requests,
		OpenIDConnectRequestStorage: store, Config: config,
	}
	idTokenAlone := &openid.OpenIDConnectImplicitHandler{
		AuthorizeImplicitGrantTypeHandler: implicit, IDTokenHandleHelper: idTokens,
		OpenIDConnectRequestValidator: requests, Config: config,
	}
	proof := &pkce.Handler{AuthorizeCodeStrategy: tokens, Storage: store, Config: config}
	identity := &openid.OpenIDConnectExplicitHandler{
		OpenIDConnectRequestStorage: store, OpenIDConnectRequestValidator: requests,
		Config: config, IDTokenHandleHelper: idTokens,
	}
	// The order matters: proof and identity need the code, and an ID token is
	// issued after the access token that it has the hash of.
	// An access token alone is for Issue: no client can be registered for it.
	config.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{code, implicit, hybrid, idTokenAlone, identity, proof}
	config.TokenEndpointHandlers = fosite.TokenEndpointHandlers{
		code, proof, identity,
		&oauth2.RefreshTokenGrantHandler{
			AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens,
			TokenRevocationStorage: store, Config: config,
		},
		&openid.OpenIDConnectRefreshHandler{IDTokenHandleHelper: idTokens, Config: config},
		&oauth2.ClientCredentialsGrantHandler{HandleHelper: access, Config: config},
		&oauth2.ResourceOwnerPasswordCredentialsGrantHandler{ //nolint:staticcheck // deprecated as the grant is, not as code
			HandleHelper: access, ResourceOwnerPasswordCredentialsGrantStorage: store,
			RefreshTokenStrategy: tokens, Config: config,
		},
	}
}
