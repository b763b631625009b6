package account

import (
	"crypto/sha256"
	"time"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// ProofLasts is for how long what somebody has proved first waits for their second
// factor. It is not stored, but sealed in what they come back with.
const ProofLasts = 10 * time.Minute

// PasswordDigest goes with such a proof: what was proved before the password was
// changed is worth nothing after it.
func PasswordDigest(u *storage.User) []byte {
	sum := sha256.Sum256([]byte(u.PasswordHash))
	return sum[:16]
}

// newAccount is for how long after an account was made all devices are new, so that
// nobody needs to be told: the time that it takes to sign up.
const newAccount = 15 * time.Minute

// Entry is a sign-in, as the person is to know of it.
type Entry struct {
	User *storage.User
	// KnownDevice: they have signed in with the device before.
	KnownDevice bool
	From        Origin
	// Language is that of the page, for who has not chosen one.
	Language string
	// ClientID and App are the application that they sign in for, "" if for none.
	ClientID, App string
}

// Note adds to the write what the person is to know of the sign-in, by mail too if it
// is with a device that they have not signed in with before: it may not have been they.
func (e Entry) Note(w *storage.Write, mails mail.Sealer) {
	event := SignedIn
	if !e.KnownDevice && w.Now.Sub(e.User.CreatedAt) > newAccount {
		event = SignedInNewDevice
		notice := Notice(mail.NewDevice, e.User, e.From, w.Now)
		notice.Languages, notice.App = append(notice.Languages, e.Language), e.App
		if notice.To != "" {
			w.Mails = append(w.Mails, mails.Seal(notice))
		}
	}
	w.Activity = append(w.Activity, Happened(e.User.ID, event, e.ClientID, e.From, w.Now))
}
