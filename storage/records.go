package storage

import (
	"encoding/json"
	"time"
)

// Client is an application that signs people in with us or calls APIs itself.
type Client struct {
	ID string
	// SecretHash is the peppered HMAC-SHA-256 of the secret; nil without one.
	SecretHash []byte
	Metadata   ClientMetadata
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// ClientMetadata is what a client registers, under the names of [RFC 7591 §2]
// and of OpenID Connect Dynamic Client Registration, and a few of our own. It
// is stored as JSON.
//
// [RFC 7591 §2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
type ClientMetadata struct {
	ClientName              string          `json:"client_name,omitempty"`
	ClientURI               string          `json:"client_uri,omitempty"`
	LogoURI                 string          `json:"logo_uri,omitempty"`
	PolicyURI               string          `json:"policy_uri,omitempty"`
	TosURI                  string          `json:"tos_uri,omitempty"`
	Contacts                []string        `json:"contacts,omitempty"`
	InitiateLoginURI        string          `json:"initiate_login_uri,omitempty"`
	RedirectURIs            []string        `json:"redirect_uris,omitempty"`
	ResponseTypes           []string        `json:"response_types,omitempty"`
	GrantTypes              []string        `json:"grant_types,omitempty"`
	TokenEndpointAuthMethod string          `json:"token_endpoint_auth_method,omitempty"`
	Scope                   string          `json:"scope,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"`
	// IDTokenSignedResponseAlg is RS256 unless registered otherwise.
	IDTokenSignedResponseAlg string `json:"id_token_signed_response_alg,omitempty"`

	// AccessTokenFormat is "jwt" (RFC 9068, the default) or "opaque".
	AccessTokenFormat string `json:"access_token_format,omitempty"`
	// RequirePKCE is true unless set to false; public clients always need it.
	RequirePKCE *bool `json:"require_pkce,omitempty"`
	// SkipConsent is for the operator's own applications.
	SkipConsent bool `json:"skip_consent,omitempty"`
	// IDTokenUserClaims puts the scopes' claims into the ID token as well, for
	// clients that never ask userinfo.
	IDTokenUserClaims bool `json:"id_token_user_claims,omitempty"`
	// RefreshGraceSeconds is how long a refresh token may be presented again;
	// nil means the provider's default, 0 means never.
	RefreshGraceSeconds *int `json:"refresh_grace_seconds,omitempty"`
}

// User is a person who signs in.
type User struct {
	// ID is the person's sub.
	ID string
	// Identifiers are the normalised names that the person signs in with:
	// username and email address. Each is unique among all users.
	Identifiers []string
	// PasswordHash is in PHC form; "" if the person has no password.
	PasswordHash string
	Claims       Claims
	// DisabledAt is zero while the person may sign in.
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Claims are the standard claims of [OpenID Connect Core §5.1], under their own
// names. They are stored as JSON.
//
// [OpenID Connect Core §5.1]: https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
type Claims struct {
	Name                string   `json:"name,omitempty"`
	GivenName           string   `json:"given_name,omitempty"`
	FamilyName          string   `json:"family_name,omitempty"`
	MiddleName          string   `json:"middle_name,omitempty"`
	Nickname            string   `json:"nickname,omitempty"`
	PreferredUsername   string   `json:"preferred_username,omitempty"`
	Profile             string   `json:"profile,omitempty"`
	Picture             string   `json:"picture,omitempty"`
	Website             string   `json:"website,omitempty"`
	Email               string   `json:"email,omitempty"`
	EmailVerified       bool     `json:"email_verified,omitempty"`
	Gender              string   `json:"gender,omitempty"`
	Birthdate           string   `json:"birthdate,omitempty"`
	Zoneinfo            string   `json:"zoneinfo,omitempty"`
	Locale              string   `json:"locale,omitempty"`
	PhoneNumber         string   `json:"phone_number,omitempty"`
	PhoneNumberVerified bool     `json:"phone_number_verified,omitempty"`
	Address             *Address `json:"address,omitempty"`
	// UpdatedAt, the claim, is made from User.UpdatedAt.
}

// Address is the address claim of [OpenID Connect Core §5.1.1].
//
// [OpenID Connect Core §5.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#AddressClaim
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// Session is a browser in which a person is signed in.
type Session struct {
	// ID is the sid: public, and not the cookie.
	ID string
	// Hash is of the cookie's value.
	Hash   Hash
	UserID string
	// AuthTime is when the person last proved who they are.
	AuthTime  time.Time
	AMR       []string
	CreatedAt time.Time
	ExpiresAt time.Time
	// EndedAt is zero while the session lives. Read does not return a session
	// that has ended or expired, or whose user is disabled.
	EndedAt time.Time
}

// Grant is one authorization given to one client: the unit of revocation, on
// which a code and all tokens that come of it hang.
type Grant struct {
	ID       string
	ClientID string
	// UserID is "" for a grant to the client itself.
	UserID string
	// SessionID is the sid it was given in, "" if in none.
	SessionID string
	Scopes    []string
	Audience  []string
	AuthTime  time.Time
	AMR       []string
	CreatedAt time.Time
	// ExpiresAt is when the last token that can come of it has expired.
	ExpiresAt time.Time
	// RevokedAt is zero while the grant lives.
	RevokedAt time.Time
}

// Code is an authorization code, with what its exchange must match.
type Code struct {
	Hash    Hash
	GrantID string
	// RedirectURI is as the authorization request sent it, "" if it did not.
	RedirectURI string
	// CodeChallenge is the S256 challenge, "" if the request had none.
	CodeChallenge string
	Nonce         string
	CreatedAt     time.Time
	ExpiresAt     time.Time
	// UsedAt is zero until the code is redeemed.
	UsedAt time.Time
}

// RefreshToken is one link in a family: each has at most one successor.
type RefreshToken struct {
	Hash    Hash
	GrantID string
	// Salt goes into the derivation of the successor.
	Salt      []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	// UsedAt is when it was first rotated, zero if never.
	UsedAt time.Time
	// Successor is the hash of the token that replaced it.
	Successor Hash
	// SuccessorUsed: the successor has been rotated as well.
	SuccessorUsed bool
}

// AccessToken is an opaque access token. JWT access tokens are not stored.
type AccessToken struct {
	Hash      Hash
	GrantID   string
	Scopes    []string
	Audience  []string
	CreatedAt time.Time
	ExpiresAt time.Time
	// RevokedAt is zero while the token lives.
	RevokedAt time.Time
}

// Catalogue is what a client can ask for beside the standard scopes.
type Catalogue struct {
	Scopes          []Scope
	ResourceServers []ResourceServer
}

// Scope is a registered scope.
type Scope struct {
	Name string
	// Description is what the consent page says, in the imperative, such as "Read
	// your notes".
	Description string
	// ResourceServer is the identifier of the API that the scope is for, "" if
	// for none.
	ResourceServer string
}

// ResourceServer is an API that accepts our access tokens.
type ResourceServer struct {
	// Identifier is its resource indicator, RFC 8707: the aud of its tokens.
	Identifier string
	Name       string
	// ClientID is the client it introspects tokens with, "" if it does not.
	ClientID string
}

// SigningKey is a key of ours, the private part sealed.
type SigningKey struct {
	// ID is the kid.
	ID        string
	Algorithm string // "RS256", "ES256", "EdDSA"
	// PublicJWK is the public key as a JSON Web Key.
	PublicJWK []byte
	// SealedKey is the private key in PKCS #8, sealed.
	SealedKey []byte
	CreatedAt time.Time
	// ActiveAt is when it begins to sign. It is published from CreatedAt on.
	ActiveAt time.Time
	// RetiredAt is when it ceases to be published: zero for the newest of its
	// algorithm.
	RetiredAt time.Time
}
