package factor

import (
	"fmt"
	"time"
)

// purpose keeps what was begun for one thing from being finished as another.
type purpose string

const (
	purposeTOTP   purpose = "totp"
	purposeCreate purpose = "create"
	purposeGet    purpose = "get"
)

// Ceremony is what a page holds between the two halves of adding or using a
// factor. Whoever begins one seals it into the page, bound to the browser, since
// the one that comes back is believed.
type Ceremony struct {
	Purpose purpose `json:"p"`
	// User is whose it is, "" if that is what it finds out.
	User string `json:"u,omitempty"`
	// Secret is of the authenticator app that is about to be added, or the
	// challenge.
	Secret []byte `json:"s"`
	// Verified: the person has to prove themselves to their passkey too.
	Verified bool      `json:"v,omitempty"`
	At       time.Time `json:"t"`
}

func (k *Keeper) begin(userID string, p purpose) Ceremony {
	return Ceremony{Purpose: p, User: userID, At: k.Now()}
}

// check makes sure that the ceremony was begun by the user and for the purpose.
func (k *Keeper) check(c Ceremony, userID string, p purpose) error {
	switch {
	case c.Purpose != p || c.User != userID || len(c.Secret) == 0:
		return fmt.Errorf("%w: nothing like it was begun", ErrWrong)
	case k.Now().After(k.expiry(c)):
		return fmt.Errorf("%w: it was begun too long ago", ErrWrong)
	}
	return nil
}

// expiry is when the ceremony cannot be finished any more.
func (k *Keeper) expiry(c Ceremony) time.Time { return c.At.Add(k.Lifetime) }
