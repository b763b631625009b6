package storage

import "time"

// Preferences are how a person wants our pages. They are stored as JSON.
type Preferences struct {
	// Theme is "light" or "dark"; "" follows the device.
	Theme string `json:"theme,omitempty"`
	// NoPasskeyOffer: they have said that they want no passkey.
	NoPasskeyOffer bool `json:"no_passkey_offer,omitempty"`
}

// Factors are what a user can prove themselves with beside the password.
type Factors struct {
	// TOTP is nil without one.
	TOTP *TOTP
	// Passkeys are in the order in which they were made.
	Passkeys []Passkey
	// RecoveryCodes is how many are left.
	RecoveryCodes int
}

// TOTP is an authenticator app, [RFC 6238]. A user has one at most.
//
// [RFC 6238]: https://www.rfc-editor.org/rfc/rfc6238
type TOTP struct {
	UserID string
	// SealedSecret is the shared secret, sealed.
	SealedSecret []byte
	// LastStep is the time step of the code used last: no code is good twice.
	LastStep  int64
	CreatedAt time.Time
}

// Passkey is a credential of [WebAuthn §4].
//
// [WebAuthn §4]: https://www.w3.org/TR/webauthn-3/#public-key-credential-source
type Passkey struct {
	// ID is the credential ID.
	ID     []byte
	UserID string
	// Name is what the person calls it.
	Name string
	// PublicKey is in COSE form.
	PublicKey  []byte
	AAGUID     []byte
	Transports []string
	// SignCount is the highest that was seen.
	SignCount uint32
	// BackupEligible never changes, BackedUp does.
	BackupEligible, BackedUp bool
	CreatedAt                time.Time
	// LastUsedAt is zero if it was never used.
	LastUsedAt time.Time
}

// Link is something that was mailed and is good once: a link to follow or, in the
// browser that asked for it, a code to type.
type Link struct {
	// ID is what a page that waits for the code knows it by.
	ID string
	// Hash is of the token in the link.
	Hash Hash
	// CodeHash is of the code, zero without one. It is keyed, since a code is short.
	CodeHash Hash
	// Purpose is what using it does.
	Purpose string
	// UserID is whose it is, "" if they have no account yet.
	UserID string
	// Email is the address that it was mailed to.
	Email string
	// SealedData is what else it needs, sealed.
	SealedData []byte
	// Attempts is how often somebody has tried to type the code.
	Attempts  int
	CreatedAt time.Time
	ExpiresAt time.Time
	// UsedAt is zero until it is used.
	UsedAt time.Time
}

// Mail is a message that waits in the outbox. It is sealed, since it may hold a
// [Link].
type Mail struct {
	ID        string
	Sealed    []byte
	CreatedAt time.Time
	// ExpiresAt is when it is of no use any more.
	ExpiresAt time.Time
	// Attempts is how often it has been tried before.
	Attempts int
}

// ActivityLifetime is for how long people can see what has happened to their account.
const ActivityLifetime = 180 * 24 * time.Hour

// Activity is something that has happened to an account, for its owner to see.
type Activity struct {
	ID     string
	UserID string
	At     time.Time
	// Event is one of a closed set of names that provider/account has.
	Event string
	// ClientID is the application that it happened for, "" if for none, and
	// ClientName what that is called now, which only ListActivity fills in.
	ClientID, ClientName string
	// Network and UserAgent tell where it came from.
	Network, UserAgent string
}

// Connection is a client that a user has allowed something or signed in to.
type Connection struct {
	Client Client
	// Scopes are those allowed, empty for a client that needs no consent.
	Scopes []string
	// Since is when it began, LastUsedAt the latest sign-in or new consent.
	Since, LastUsedAt time.Time
}

// LinkUse consumes a link. The guard: it has neither been used nor expired, and is
// of no user who is disabled.
type LinkUse struct{ Hash Hash }

// TOTPUse consumes a time step. The guard: it is later than the last that was used.
type TOTPUse struct {
	UserID string
	Step   int64
}

// RecoveryCodeUse consumes a recovery code. The guard: it is the user's, and unused.
type RecoveryCodeUse struct {
	UserID string
	Hash   Hash
}

// PasskeyUse notes that a passkey was used, as of Write.Now.
type PasskeyUse struct {
	ID        []byte
	SignCount uint32
	BackedUp  bool
}

// UserChange is what a write changes about a user, as of Write.Now. Fields left nil
// change nothing. With another password or other identifiers, all links of the
// user's go, but for the one that the write uses. UpdatedAt moves with these and with
// the claims.
type UserChange struct {
	UserID string
	// PasswordHash replaces the password, "" takes it away. It ends all of the
	// user's grants and sessions but KeepSession, as SaveUser does.
	PasswordHash *string
	KeepSession  string
	// Identifiers replaces all: ErrConflict if somebody else has one.
	Identifiers []string
	Claims      *Claims
	Preferences *Preferences
	// EndSessions ends those of the user's own sessions that have these ids, as
	// Store.EndSessions does.
	EndSessions []string
	// Disconnect is the id of a client: what the user has allowed it is forgotten, and
	// all grants that the user has given it end.
	Disconnect string
	// DeletesAt sets when the user is to be deleted, or, with the zero time, that
	// they are not. Setting it ends all sessions and grants.
	DeletesAt *time.Time
	// SetTOTP replaces the user's, RemoveTOTP takes it away.
	SetTOTP    *TOTP
	RemoveTOTP bool
	// AddPasskey adds one: ErrConflict if there is one with its ID.
	AddPasskey *Passkey
	// RenamePasskey and RemovePasskey are of the user's own: anybody else's are
	// left alone.
	RenamePasskey *PasskeyName
	RemovePasskey []byte
	// RecoveryCodes replaces all, also those that are left: empty and not nil
	// takes them away.
	RecoveryCodes []Hash
}

// PasskeyName is another name for a passkey.
type PasskeyName struct {
	ID   []byte
	Name string
}
