// Package storage owns Gatelodge's records and the contract that both of its
// engines, storage/postgres and storage/sqlite, fulfil and storage/storagetest
// proves. It knows nothing of OAuth, HTTP or cryptography: it keeps what it is
// given and decides what may happen only once.
//
// A request does at most one [Store.Read], which fetches everything that it can
// need, and one [Store.Apply], a guarded write that happens whole or not at all:
// one round trip each, however many records they touch. All times are UTC and
// come from the caller, never from the database's clock.
//
// Methods fail with [ErrNotFound], [ErrSpent], [ErrReplayed] or [ErrConflict]
// when the database has answered and the answer is no. Any other error means
// that there was no answer, which is never to be reported as a refusal.
package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// The answers that are not an outage.
var (
	// ErrNotFound: no such record.
	ErrNotFound = errors.New("not found")
	// ErrSpent: the code or refresh token was consumed, has expired, or its
	// grant was revoked in the meantime; or the user was signed out. Nothing was
	// written.
	ErrSpent = errors.New("already spent, expired or revoked")
	// ErrReplayed: the client assertion was presented before. Nothing was written.
	ErrReplayed = errors.New("assertion replayed")
	// ErrConflict: another record holds the same unique value.
	ErrConflict = errors.New("already taken")
)

// Hash is the SHA-256 of an opaque token: the only form in which one is stored.
type Hash [sha256.Size]byte

// HashOf returns the stored form of an opaque token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// Store is everything that the provider asks of an engine. Consumers declare
// the few methods of it that they use.
type Store interface {
	// Read fetches what is wanted in one round trip. What does not exist is
	// left nil in the State; only an outage is an error.
	Read(context.Context, Wanted) (State, error)
	// Apply performs the write in one round trip, atomically, guards first.
	// It fails with ErrReplayed or ErrSpent, having written nothing, when a
	// guard refuses. Presented again with the same Key it succeeds again and
	// changes nothing more, so that a lost answer can be retried. It fails with
	// ErrNotFound when the client or user of what is created is gone.
	Apply(context.Context, Write) error

	// CountAttempt counts one more attempt against each of the counters that
	// apply to the sign-in, and returns their counts together with the user
	// who has the identifier, if any: one round trip, before any password is
	// looked at, so that parallel guesses cannot outrun the count.
	CountAttempt(context.Context, Attempt) (AttemptState, error)

	// RevokeGrant ends the grant and all that hangs on it. A grant that is
	// already revoked, or never was, is no error.
	RevokeGrant(ctx context.Context, grantID string, at time.Time) error
	// RevokeToken refuses the JWT access token with this jti until it expires.
	RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error
	// RevokeAccessToken refuses the opaque access token and leaves its grant
	// alone. One that is already revoked, or never was, is no error.
	RevokeAccessToken(ctx context.Context, token Hash, at time.Time) error
	// EndSessions ends sessions by their ids, the grants that hang on them and do
	// not outlive them (those without offline_access), and leaves a LogoutNotice
	// for each client of theirs that has a backchannel_logout_uri, in the same
	// write. It returns the clients of theirs that have a frontchannel_logout_uri.
	// Sessions that have ended already are left alone.
	EndSessions(ctx context.Context, ids []string, at time.Time) ([]SignedOut, error)
	// FindSessionClient finds a session's client by the sid in its ID tokens,
	// and the session, which may have ended or expired.
	FindSessionClient(ctx context.Context, sid string) (SessionClient, Session, error)
	// ListSessionClients returns the clients of the sessions, each once, in the order
	// of their ids.
	ListSessionClients(ctx context.Context, sessions []string) ([]Client, error)
	// TakeLogoutNotices hands out up to limit notices whose time has come, each
	// to one caller only until the lease ends, in which time it is to be deleted
	// or postponed. It also returns when the next one after these is due, zero
	// if there is none.
	TakeLogoutNotices(ctx context.Context, now, leaseUntil time.Time, limit int) ([]LogoutNotice, time.Time, error)
	// DeleteLogoutNotice is for one that was delivered or never can be. That there
	// is none any more, because its client is gone, is no error here nor below.
	DeleteLogoutNotice(ctx context.Context, id string) error
	// PostponeLogoutNotice counts an attempt and makes it due again at the time.
	PostponeLogoutNotice(ctx context.Context, id string, until time.Time) error

	FindClient(ctx context.Context, id string) (Client, error)
	// ListClients returns all clients in the order of their ids.
	ListClients(ctx context.Context) ([]Client, error)
	// SaveClient creates or replaces the client. It keeps CreatedAt.
	SaveClient(context.Context, Client) error
	// RegisterClient creates a client, in the same write by one use of the initial
	// access token unless that is zero: ErrSpent if it is unknown, has expired by
	// the client's CreatedAt or has none left. ErrConflict if there is a client
	// with the id.
	RegisterClient(ctx context.Context, c Client, initialAccessToken Hash) error
	// UpdateClient replaces a client's metadata, both hashes and expiry; unlike
	// SaveClient it fails with ErrNotFound when there is none, or one that no longer
	// manages itself because the operator has saved it since. A client that stays
	// goes on to stay: it may have been used since it was read.
	UpdateClient(context.Context, Client) error
	// DeleteClient deletes the client with its grants and consents. This and
	// the other deletions by name fail with ErrNotFound when there is nothing.
	DeleteClient(ctx context.Context, id string) error

	AddInitialAccessToken(context.Context, InitialAccessToken) error
	// ListInitialAccessTokens returns all, oldest first.
	ListInitialAccessTokens(context.Context) ([]InitialAccessToken, error)
	DeleteInitialAccessToken(ctx context.Context, id string) error
	// Count counts one more under the key and returns the count. A counter
	// lives for the window after its first count.
	Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error)

	FindUser(ctx context.Context, id string) (User, error)
	// FindUserByIdentifier finds the user who signs in with the normalised
	// identifier.
	FindUserByIdentifier(ctx context.Context, identifier string) (User, error)
	// ListUsers returns up to limit users with an id above after, in the order
	// of their ids.
	ListUsers(ctx context.Context, after string, limit int) ([]User, error)
	// SaveUser creates or replaces the user. It keeps CreatedAt, and Preferences and
	// DeletesAt, which are the person's own. It fails with
	// ErrConflict when another user has one of the identifiers. A changed
	// password hash or a set DisabledAt ends the user's sessions, as EndSessions
	// does, and all grants, as of UpdatedAt, in the same write. With these or other
	// identifiers all links of the user's go. The PairwiseSalt is the engine's to
	// make.
	SaveUser(context.Context, User) error
	// ReplacePasswordHash upgrades the form of a stored hash; it changes
	// nothing when the hash is no longer the old one.
	ReplacePasswordHash(ctx context.Context, userID, old, replacement string) error
	// Unlock starts all counters of attempts at the user's account anew. That there
	// are none is no error.
	Unlock(ctx context.Context, userID string) error
	// DeleteUser deletes the user with all that hangs on the user, and leaves
	// the notices that EndSessions leaves.
	DeleteUser(ctx context.Context, id string, at time.Time) error

	// FindFactors returns what the user can prove themselves with beside the
	// password: nothing if there is no such user.
	FindFactors(ctx context.Context, userID string) (Factors, error)
	// FindLink finds a link by its token, and its user, nil if it has none, who may
	// be disabled: ErrNotFound if it has been used or has expired by now.
	FindLink(ctx context.Context, token Hash, now time.Time) (Link, *User, error)
	// CountLinkAttempt counts one more try to type the code of the link with the
	// id, and returns what FindLink does, this try included.
	CountLinkAttempt(ctx context.Context, id string, now time.Time) (Link, *User, error)
	// ListSessions returns the user's sessions that live, the one seen last first,
	// with LastSeenAt.
	ListSessions(ctx context.Context, userID string, now time.Time) ([]Session, error)
	// ListConnections returns the clients that the user has allowed something or
	// given a grant that lives, the one used last first.
	ListConnections(ctx context.Context, userID string, now time.Time) ([]Connection, error)
	// ListActivity returns up to limit of what happened to the user's account
	// before the time, the latest first.
	ListActivity(ctx context.Context, userID string, before time.Time, limit int) ([]Activity, error)

	// TakeMails, DeleteMail and PostponeMail are to mails what the methods above
	// are to logout notices. Mails that have expired are not handed out.
	TakeMails(ctx context.Context, now, leaseUntil time.Time, limit int) ([]Mail, time.Time, error)
	DeleteMail(ctx context.Context, id string) error
	PostponeMail(ctx context.Context, id string, until time.Time) error

	// Catalogue returns all registered scopes and resource servers, in order.
	Catalogue(context.Context) (Catalogue, error)
	SaveScope(context.Context, Scope) error
	DeleteScope(ctx context.Context, name string) error
	SaveResourceServer(context.Context, ResourceServer) error
	DeleteResourceServer(ctx context.Context, identifier string) error

	// SigningKeys returns all keys, oldest first.
	SigningKeys(context.Context) ([]SigningKey, error)
	// AddSigningKey adds the key and sets the RetiredAt of the key with the id
	// after, if that is still the newest of its algorithm ("" if there is
	// none): of several nodes that add a first key or rotate at once, one does,
	// and the others get ErrConflict.
	AddSigningKey(ctx context.Context, key SigningKey, after string, afterRetiresAt time.Time) error
	// ResealSigningKey replaces the sealed form of a private key.
	ResealSigningKey(ctx context.Context, id string, sealed []byte) error
	// DeleteSigningKeys deletes the keys that retired before the time.
	DeleteSigningKeys(ctx context.Context, retiredBefore time.Time) error

	// DeleteExpired deletes up to limit rows of each kind that nothing can ask
	// for any more, and returns how many went. Rows that the detection of
	// reuse needs stay for as long as their grant.
	DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error)

	// Ping asks the database whether it answers.
	Ping(context.Context) error
	Close() error
}

// Wanted names what one request can need. Empty fields are not fetched.
type Wanted struct {
	// Now is the time of the request. Wanting Sessions requires it.
	Now time.Time

	ClientID string // → State.Client

	// At most one of these is set: → State.Grant and State.User too.
	Code    Hash   // → State.Code
	Refresh Hash   // → State.Refresh
	Access  Hash   // → State.Access
	GrantID string // the grant that a verified JWT access token names

	JTI string // → State.Revoked

	// Sessions are those of one browser, at most MaxSessions: → State.Sessions.
	Sessions []Hash
	// ConsentFor is a client id: → Consent and SID of each of State.Sessions.
	ConsentFor string

	Catalogue bool // → State.Catalogue
}

// Empty tells whether there is nothing to fetch.
func (w Wanted) Empty() bool {
	presented := [...]Hash{w.Code, w.Refresh, w.Access}
	return w.ClientID == "" && presented == [...]Hash{{}, {}, {}} && w.GrantID == "" &&
		w.JTI == "" && len(w.Sessions) == 0 && !w.Catalogue
}

// MaxSessions is how many people can be signed in in one browser.
const MaxSessions = 5

// LogoutNoticeLifetime is how long a back-channel logout is tried. A client that
// does not answer for a weekend hears of it; one that is gone for longer has to
// trust the lifetimes of what it was given.
const LogoutNoticeLifetime = 3 * 24 * time.Hour

// State is what [Store.Read] found: nil or zero where there is nothing.
type State struct {
	Client  *Client
	Code    *Code
	Refresh *RefreshToken
	Access  *AccessToken
	Grant   *Grant
	// User is the user of the grant, nil where there is none. The user may be
	// disabled, and the grant itself revoked or expired: the caller looks.
	User *User
	// Sessions are those of the wanted that live, in the order wanted.
	Sessions []SignedIn
	// Revoked: the JWT access token with the wanted JTI was revoked.
	Revoked bool
	// Catalogue is what [Store.Catalogue] returns.
	Catalogue *Catalogue
}

// SignedIn is somebody who is signed in in a browser.
type SignedIn struct {
	Session Session
	User    User
	// Consent holds the scopes that the user has allowed the client.
	Consent []string
	// SID is the client's for the session, "" if it has not signed in there yet.
	SID string
}

// SignedOut is a client that has to hear of the end of a session.
type SignedOut struct {
	Client Client
	// SID is the client's for the session.
	SID string
}

// Write is everything that one request changes. Fields left nil change nothing.
type Write struct {
	// Key identifies the request: 128 random bits. What the write consumes is
	// marked with it.
	Key string
	// Now is the time of the request; guards compare expiries with it.
	Now time.Time

	// The guards.
	Assertion *Assertion // ErrReplayed if presented before under another Key
	Redeem    *Redeem    // ErrSpent unless the code was unspent
	Rotate    *Rotate    // ErrSpent unless the token may still be rotated
	Verified  *Verified  // ErrSpent unless the user still is who was verified
	// At most one of these, of Redeem, Rotate and Assertion: what is used up.
	UseLink         *LinkUse         // ErrSpent unless the link was unused
	UseTOTP         *TOTPUse         // ErrSpent unless the step is later than the last
	UseRecoveryCode *RecoveryCodeUse // ErrSpent unless the code was unused

	// What is created. With Redeem or Rotate the tokens hang on an existing grant.
	Grant   *Grant
	Code    *Code
	Refresh *RefreshToken
	Access  *AccessToken
	// Session is a new one or, if there is one with the id, that one proven anew:
	// it gets all but the CreatedAt of this one, unless it was proven later than
	// that. ErrSpent if it has ended or is somebody else's. To prove one anew
	// is for a write without Redeem and Rotate.
	Session *Session
	// SessionClient notes that the client takes part in the session. One that
	// is noted already stays as it is.
	SessionClient *SessionClient
	// Consent adds scopes to what the user allows the client.
	Consent *Consent
	// Succeeded takes an attempt to sign in back.
	Succeeded *Success
	// UsesClient is the id of a client that is kept from now on: its ExpiresAt
	// is taken away.
	UsesClient string
	// UsePasskey notes that a passkey was used: ErrSpent if it was removed.
	UsePasskey *PasskeyUse
	// CreateUser creates a user: ErrConflict if somebody has one of the identifiers.
	// What else is created may be the new user's.
	CreateUser *User
	// Change changes a user: ErrNotFound if there is none. It comes before what is
	// created, which therefore is not ended by it. Without Verified it also changes
	// a user who is disabled: that is for operators, since what such a user was
	// mailed is good for nothing.
	Change *UserChange
	// Links, Mails and Activity are added.
	Links    []Link
	Mails    []Mail
	Activity []Activity
}

// Assertion marks a client assertion as used.
type Assertion struct {
	ClientID  string
	JTI       Hash // of the jti
	ExpiresAt time.Time
}

// Redeem consumes an authorization code. The guard: it is the client's, has not
// expired, was not used, and its grant is neither revoked nor expired.
type Redeem struct {
	Code     Hash
	ClientID string
}

// Rotate consumes a refresh token in favour of Write.Refresh, its one
// successor. The guard: it is the client's, has not expired, its grant lives,
// and it was not used before; or it was first used within Grace before Write.Now,
// its successor is Write.Refresh, and that has not been used. A successor that
// exists already is left as it is.
type Rotate struct {
	Refresh  Hash
	ClientID string
	Grace    time.Duration
}

// Verified is the user whom a new session or grant is for, as the request read
// them. The guard: the password hash is the same and the user is not disabled, so
// that nothing that was begun before a change of the password outlives it; and
// the session with the id SessionID, unless that is "", has not ended, so that
// nothing that was begun in it outlives it.
// Without Redeem and Rotate, whose grants end by such a change.
type Verified struct {
	UserID, PasswordHash string
	SessionID            string
	// SessionHash, unless it is zero, has to be the session's still: of two changes
	// that give it another at once, one does. It is for a write with Change.
	SessionHash Hash
	// UpdatedAt, unless it is zero, has to be the user's still: a change is of what
	// was read, and takes back none that was made meanwhile.
	UpdatedAt time.Time
	// Passkeys, unless it is 0, is how many the user has to have still: of several
	// ways to sign in that are taken away at once, not all go.
	Passkeys int
}

// GraceFrom is since when the token may have been used to be rotated once more:
// the zero time, which a database compares with nothing, if never.
func (r Rotate) GraceFrom(now time.Time) time.Time {
	if r.Grace <= 0 {
		return time.Time{}
	}
	return now.Add(-r.Grace)
}

// Consent is what a user has allowed a client.
type Consent struct {
	UserID, ClientID string
	Scopes           []string
	GrantedAt        time.Time
}

// Success names the counters of an attempt that succeeded. The account's starts
// anew. The network's only goes down by that one attempt: somebody with an
// account of their own must not clear it for guesses at others, and the people
// behind one address must not lock each other out by signing in. (The same write
// sent again takes back one too many, which harms nobody.)
type Success struct {
	AccountKey, NetworkKey string
}

// Attempt is one try to sign in, or to prove it further.
type Attempt struct {
	// Identifier is normalised. The account's counter belongs to the user who
	// has it, whichever identifier was used; without a user, to the identifier.
	Identifier string
	// UserID or Passkey, a credential ID, find the user instead of Identifier,
	// which then is "".
	UserID  string
	Passkey []byte
	// Device is a browser that this person has signed in with before, "" if
	// none: its attempts are counted apart, so that a stranger cannot lock the
	// owner out. It counts only if DeviceUser is the user found.
	Device, DeviceUser string
	// Network is the address range the attempt comes from.
	Network string
	// Window is how long a counter lives after its first count.
	Window time.Duration
	Now    time.Time
	// ConsentFor is a client id: → AttemptState.Consent.
	ConsentFor string
	// Sessions are those of the browser, at most MaxSessions: → AttemptState.Sessions.
	Sessions []Hash
}

// AttemptState is what an attempt found.
type AttemptState struct {
	User    *User // nil if nobody has the identifier
	Factors Factors
	Consent []string
	// Sessions are what [State] has of them.
	Sessions []SignedIn
	// AccountKey and NetworkKey name the counters, for [Success].
	AccountKey, NetworkKey string
	// Account and Network are the counts, this attempt included.
	Account, Network int
}
