// Package mail owns the messages that people get from us: what they say, how they
// wait sealed in the outbox, and how they are delivered. It does not own why one is
// sent nor what a link in it does: provider/account does.
package mail

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// Kind is what a message is about.
type Kind string

// The kinds of messages.
const (
	ConfirmSignUp   Kind = "confirm_sign_up"   // Link, Code
	AlreadySignedUp Kind = "already_signed_up" // somebody, probably they, tried to sign up once more
	SignInLink      Kind = "sign_in_link"      // Link, Code
	ResetPassword   Kind = "reset_password"    // Link
	VerifyEmail     Kind = "verify_email"      // Link, Code: to the new address
	EmailChanged    Kind = "email_changed"     // a notice to the old address
	PasswordChanged Kind = "password_changed"  // a notice
	NewDevice       Kind = "new_device"        // a notice of a sign-in
	FactorAdded     Kind = "factor_added"      // a notice: Factor
	FactorRemoved   Kind = "factor_removed"    // a notice: Factor
	DeletionPlanned Kind = "deletion_planned"  // a notice: Due
)

// Message is a mail before it has words.
type Message struct {
	Kind Kind   `json:"kind"`
	To   string `json:"to"`
	// Name is the person's, "" if it is not known.
	Name string `json:"name,omitempty"`
	// Languages are those that the person understands, the best first.
	Languages []string `json:"languages,omitempty"`
	// Link is the address of a page of ours; Code is what may be typed instead.
	Link string `json:"link,omitempty"`
	Code string `json:"code,omitempty"`
	// App is the application that the person was on the way to.
	App string `json:"app,omitempty"`
	// Factor is "totp", "passkey" or "recovery_codes".
	Factor string `json:"factor,omitempty"`
	// Network and UserAgent are where it was asked for from.
	Network   string `json:"network,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	// At is when it was asked for or happened.
	At time.Time `json:"at"`
	// Due is when what DeletionPlanned says will happen.
	Due time.Time `json:"due,omitzero"`
	// ExpiresAt is when the link, or a notice's worth, is over.
	ExpiresAt time.Time `json:"expires_at"`
}

// Sealer puts messages into the form in which they wait.
type Sealer struct{ Key *secret.Key }

// NewSealer returns the sealer of the provider with the secrets.
func NewSealer(secrets *secret.Keys) Sealer { return Sealer{Key: secrets.For("mails")} }

// Seal returns the message for the outbox, to be stored by the write that it is
// about.
func (s Sealer) Seal(m Message) storage.Mail {
	plain, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and times of this century always marshal
	}
	id := rand.Text()
	return storage.Mail{ID: id, Sealed: s.Key.Seal(plain, []byte(id)), CreatedAt: m.At, ExpiresAt: m.ExpiresAt}
}

// Open returns the message that waits as the mail.
func (s Sealer) Open(m storage.Mail) (Message, error) {
	plain, err := s.Key.Open(m.Sealed, []byte(m.ID))
	if err != nil {
		return Message{}, fmt.Errorf("open mail %s: %w", m.ID, err)
	}
	var message Message
	if err := json.Unmarshal(plain, &message); err != nil {
		return Message{}, fmt.Errorf("read mail %s: %w", m.ID, err)
	}
	return message, nil
}
