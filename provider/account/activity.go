package account

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// Event is something that happens to an account and that its owner should see.
type Event string

// The events, as they are stored: [storage.Activity].
const (
	SignedUp          Event = "signed_up"
	SignedIn          Event = "signed_in"
	SignedInNewDevice Event = "signed_in_new_device"
	SessionEnded      Event = "session_ended"
	PasswordChanged   Event = "password_changed"
	PasswordReset     Event = "password_reset"
	EmailVerified     Event = "email_verified"
	EmailChanged      Event = "email_changed"
	ProfileChanged    Event = "profile_changed"
	TOTPAdded         Event = "totp_added"
	TOTPRemoved       Event = "totp_removed"
	PasskeyAdded      Event = "passkey_added"
	PasskeyRemoved    Event = "passkey_removed"
	RecoveryCodesMade Event = "recovery_codes_made"
	RecoveryCodeUsed  Event = "recovery_code_used"
	AppAllowed        Event = "app_allowed"
	AppDisconnected   Event = "app_disconnected"
	DeletionRequested Event = "deletion_requested"
	DeletionCancelled Event = "deletion_cancelled"
	DataDownloaded    Event = "data_downloaded"
)

// maxUserAgent bounds what is kept of a header, in bytes.
const maxUserAgent = 256

// Origin is where a person's request comes from.
type Origin struct {
	// Network is as [Network] names it, UserAgent as the browser sends it.
	Network, UserAgent string
}

// OriginOf is where a request comes from whose User-Agent is this, which anybody can
// send: of a bounded length, and text.
func OriginOf(network, userAgent string) Origin {
	cut := userAgent[:min(len(userAgent), maxUserAgent)]
	return Origin{Network: network, UserAgent: strings.ToValidUTF8(cut, "")}
}

// Happened is the record of an event. The client id is that of the application
// that it happened for, "" if for none.
func Happened(userID string, event Event, clientID string, from Origin, now time.Time) storage.Activity {
	from = OriginOf(from.Network, from.UserAgent)
	return storage.Activity{
		ID: rand.Text(), UserID: userID, At: now, Event: string(event), ClientID: clientID,
		Network: from.Network, UserAgent: from.UserAgent,
	}
}
