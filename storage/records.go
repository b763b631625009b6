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
	// RegistrationHash is of the registration access token with which the
	// client manages itself; zero for one that the operator registered.
	RegistrationHash Hash
	// ExpiresAt is when a client that registered itself goes again, unless it
	// has been used by then; zero for one that stays.
	ExpiresAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ClientMetadata is what a client registers, under the names of [RFC 7591 §2]
// and of OpenID Connect Dynamic Client Registration, and a few of our own. It
// is stored as JSON.
//
// [RFC 7591 §2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
type ClientMetadata struct {
	ClientName              string   `json:"client_name,omitempty"`
	ClientURI               string   `json:"client_uri,omitempty"`
	LogoURI                 string   `json:"logo_uri,omitempty"`
	PolicyURI               string   `json:"policy_uri,omitempty"`
	TosURI                  string   `json:"tos_uri,omitempty"`
	Contacts                []string `json:"contacts,omitempty"`
	ApplicationType         string   `json:"application_type,omitempty"`
	SoftwareID              string   `json:"software_id,omitempty"`
	SoftwareVersion         string   `json:"software_version,omitempty"`
	InitiateLoginURI        string   `json:"initiate_login_uri,omitempty"`
	RedirectURIs            []string `json:"redirect_uris,omitempty"`
	ResponseTypes           []string `json:"response_types,omitempty"`
	GrantTypes              []string `json:"grant_types,omitempty"`
	Scope                   string   `json:"scope,omitempty"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty"`
	// TokenEndpointAuthSigningAlg is what assertions must be signed with; any
	// that we accept if "".
	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`
	// JWKSURI is where the client's keys are. Never beside JWKS.
	JWKSURI string          `json:"jwks_uri,omitempty"`
	JWKS    json.RawMessage `json:"jwks,omitempty"`

	// SubjectType is "public" (the default) or "pairwise".
	SubjectType         string `json:"subject_type,omitempty"`
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`

	// IDTokenSignedResponseAlg is RS256 unless registered otherwise.
	IDTokenSignedResponseAlg    string `json:"id_token_signed_response_alg,omitempty"`
	IDTokenEncryptedResponseAlg string `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptedResponseEnc string `json:"id_token_encrypted_response_enc,omitempty"`
	// UserinfoSignedResponseAlg makes userinfo a JWT; "" leaves it JSON.
	UserinfoSignedResponseAlg    string `json:"userinfo_signed_response_alg,omitempty"`
	UserinfoEncryptedResponseAlg string `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEncryptedResponseEnc string `json:"userinfo_encrypted_response_enc,omitempty"`

	// RequestURIs are where request objects may be fetched from.
	RequestURIs                []string `json:"request_uris,omitempty"`
	RequestObjectSigningAlg    string   `json:"request_object_signing_alg,omitempty"`
	RequestObjectEncryptionAlg string   `json:"request_object_encryption_alg,omitempty"`
	RequestObjectEncryptionEnc string   `json:"request_object_encryption_enc,omitempty"`
	// RequireSignedRequestObject is [RFC 9101 §10.5].
	//
	// [RFC 9101 §10.5]: https://www.rfc-editor.org/rfc/rfc9101#section-10.5
	RequireSignedRequestObject bool `json:"require_signed_request_object,omitempty"`

	// DefaultMaxAge is in seconds; nil means any age.
	DefaultMaxAge    *int     `json:"default_max_age,omitempty"`
	RequireAuthTime  bool     `json:"require_auth_time,omitempty"`
	DefaultACRValues []string `json:"default_acr_values,omitempty"`
	// RequiredACR is the least acr that people have to sign in with, "" for any.
	RequiredACR string `json:"required_acr,omitempty"`

	PostLogoutRedirectURIs            []string `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI              string   `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool     `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string   `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool     `json:"frontchannel_logout_session_required,omitempty"`

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
	// Theme is what our pages look like on the way to the client.
	Theme Theme `json:"theme,omitzero"`
}

// Theme is colours and shapes of the pages, each "" for the provider's.
type Theme struct {
	Brand         string `json:"brand,omitempty"`
	BrandText     string `json:"brand_text,omitempty"`
	BrandDark     string `json:"brand_dark,omitempty"`
	BrandDarkText string `json:"brand_dark_text,omitempty"`
	Radius        string `json:"radius,omitempty"`
	Font          string `json:"font,omitempty"`
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
	// PairwiseSalt is random and keeps the person's pairwise subs from being
	// computed by others. The engine makes it and never changes it; what is
	// given to SaveUser is ignored.
	PairwiseSalt []byte
	Claims       Claims
	Preferences  Preferences
	// DisabledAt is zero while the person may sign in.
	DisabledAt time.Time
	// DeletesAt is when the user goes for good, zero if they stay.
	DeletesAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
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

// Session is a browser in which a person is signed in. It keeps its ID for as
// long as it is the same person, however often they prove it anew.
type Session struct {
	// ID is not the cookie, and no client learns it.
	ID string
	// Hash is of the cookie's value.
	Hash   Hash
	UserID string
	// AuthTime is when the person last proved who they are.
	AuthTime time.Time
	AMR      []string
	// Remembered: it outlives the closing of the browser.
	Remembered bool
	// UserAgent and Network tell where the person last proved it.
	UserAgent, Network string
	CreatedAt          time.Time
	ExpiresAt          time.Time
	// LastSeenAt is the latest sign-in with it, to us or to a client. Only
	// ListSessions fills it in.
	LastSeenAt time.Time
	// EndedAt is zero while the session lives. Read does not return a session
	// that has ended or expired, or whose user is disabled.
	EndedAt time.Time
}

// SessionClient is a client that a person has signed in to during a session,
// which has to hear of its end.
type SessionClient struct {
	SessionID, ClientID string
	// SID is the sid of the client's ID tokens: another one for each client, so
	// that two cannot find out that it is the same browser.
	SID string
	// Subject is the sub that the client knows the person by.
	Subject   string
	CreatedAt time.Time
}

// LogoutNotice is a back-channel logout that a client has not confirmed yet.
type LogoutNotice struct {
	ID       string
	ClientID string
	// SID and Subject are what the client knows the session and the person by.
	SID, Subject string
	CreatedAt    time.Time
	// Attempts is how often it has been tried before.
	Attempts int
}

// InitialAccessToken lets its bearer register clients, [RFC 7591 §3].
//
// [RFC 7591 §3]: https://www.rfc-editor.org/rfc/rfc7591#section-3
type InitialAccessToken struct {
	// ID names it to the operator.
	ID   string
	Hash Hash
	// Remaining is how many clients it can still register.
	Remaining int
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Grant is one authorization given to one client: the unit of revocation, on
// which a code and all tokens that come of it hang.
type Grant struct {
	ID       string
	ClientID string
	// UserID is "" for a grant to the client itself.
	UserID string
	// Subject is the sub that the client knows the person by; "" is UserID.
	Subject string
	// SessionID is the session it was given in, "" if in none, and SID the sid
	// that the client knows that by.
	SessionID, SID string
	Scopes         []string
	Audience       []string
	// Claims is the request's claims parameter as JSON, "" without one.
	Claims    string
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
	Algorithm string // "RS256", "PS256", "ES256", "EdDSA"; to decrypt with "RSA-OAEP", "ECDH-ES"
	// PublicJWK is the public key as a JSON Web Key.
	PublicJWK []byte
	// SealedKey is the private key in PKCS #8, sealed.
	SealedKey []byte
	CreatedAt time.Time
	// ActiveAt is when it begins to be used.
	ActiveAt time.Time
	// RetiredAt is when it may be deleted: zero for the newest of its algorithm.
	RetiredAt time.Time
}
