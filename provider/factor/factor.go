// Package factor owns what people prove themselves with beside a password:
// authenticator apps, recovery codes and passkeys. It says what a page has to show
// to begin with one, whether what comes back is right, and what to store for it. It
// knows no HTTP, and reads and writes nothing itself: what is good once is decided
// by the write that the caller applies.
package factor

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// ErrWrong is the answer to a code or a passkey that is not right. The error's text
// tells the reason to the log.
var ErrWrong = errors.New("that does not prove it")

// ErrUnknown is ErrWrong for a passkey that nobody here has.
var ErrUnknown = fmt.Errorf("%w: nobody here has the passkey", ErrWrong)

// ErrLast reports that the policy demands a second factor, and this is the last.
var ErrLast = errors.New("the last second factor cannot be removed")

// Config is what a Keeper depends on.
type Config struct {
	// Issuer is the provider's URL: passkeys are for its host alone.
	Issuer string
	// Name is what an authenticator app and a password manager call the provider.
	Name string
	// Secrets seal the secrets of authenticator apps.
	Secrets *secret.Keys
	// Mails seals the notices of changes.
	Mails mail.Sealer
	// Lifetime is how long a page may be left open.
	Lifetime time.Duration
	// Required: nobody is without a second factor.
	Required bool
	Now      func() time.Time
}

// Keeper keeps the rules of second factors.
type Keeper struct {
	Config
	totp *secret.Key
	// passkeys is nil where there can be none.
	passkeys *webauthn.WebAuthn
}

// New returns a keeper. Browsers make no passkeys for an IP address: with such an
// issuer there are none.
func New(c Config) (*Keeper, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the issuer: %w", err)
	}
	k := &Keeper{Config: c, totp: c.Secrets.For("authenticator apps")}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return k, nil
	}
	k.passkeys, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: c.Name, RPOrigins: []string{c.Issuer},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // we ask for none and read none
	})
	if err != nil {
		return nil, fmt.Errorf("set passkeys up: %w", err)
	}
	return k, nil
}

// Passkeys reports whether there can be passkeys.
func (k *Keeper) Passkeys() bool { return k.passkeys != nil }

// Has reports whether somebody has a second factor: a password or a mail is not
// enough for them any more. Recovery codes alone are none.
func Has(f storage.Factors) bool { return f.TOTP != nil || len(f.Passkeys) > 0 }

// The methods, as amr says them, of an authenticator app, [RFC 8176], and of a
// recovery code, which that has no name for.
//
// [RFC 8176]: https://www.rfc-editor.org/rfc/rfc8176#section-2
const (
	TOTP     = "otp"
	Recovery = "recovery"
)

// The methods of passkeys, and of more than one factor, RFC 8176.
const (
	methodSynced   = "swk" // a key that its owner's devices share
	methodBound    = "hwk" // a key that, as its authenticator says, never leaves it
	methodPresence = "user"
	methodMulti    = "mfa"
)

// With is the amr of somebody who has proved the first and then the second.
func With(first []string, second ...string) []string {
	var amr []string
	for _, method := range slices.Concat(first, second) {
		if method != methodMulti && !slices.Contains(amr, method) {
			amr = append(amr, method)
		}
	}
	return append(amr, methodMulti)
}

// Multi reports whether the methods are those of more than one factor.
func Multi(amr []string) bool { return slices.Contains(amr, methodMulti) }

// Keyed reports whether a passkey is among the methods.
func Keyed(amr []string) bool {
	return slices.Contains(amr, methodSynced) || slices.Contains(amr, methodBound)
}
