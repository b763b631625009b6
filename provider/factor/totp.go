package factor

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and every authenticator app mean by TOTP
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// The parameters that every authenticator app understands, [RFC 6238 §4] and
// §5.2: one step of drift to either side.
//
// [RFC 6238 §4]: https://www.rfc-editor.org/rfc/rfc6238#section-4
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSecret = 20 // bytes, RFC 4226 §4
	totpDrift  = 1
)

// Setup is what a page shows of an authenticator app that is about to be added.
type Setup struct {
	// Secret is for typing, in groups of four.
	Secret string
	// URI is what the QR code says.
	URI string
	QR  QR
}

// BeginTOTP begins to add an authenticator app. The ceremony goes into the page.
func (k *Keeper) BeginTOTP(user *storage.User) (Setup, Ceremony) {
	key := make([]byte, totpSecret)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	c := k.begin(user.ID, purposeTOTP)
	c.Secret = key
	return k.Setup(user, c), c
}

// Setup is what a page shows of a ceremony that BeginTOTP began: the same once more.
func (k *Keeper) Setup(user *storage.User, c Ceremony) Setup {
	encoded := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(c.Secret)
	uri := k.uri(user, encoded)
	return Setup{Secret: grouped(encoded), URI: uri, QR: qrOf(uri)}
}

// uri is in the [Key URI Format].
//
// [Key URI Format]: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
func (k *Keeper) uri(user *storage.User, encoded string) string {
	label := url.PathEscape(k.Name) + ":" + url.PathEscape(known(user))
	return "otpauth://totp/" + label + "?secret=" + encoded + "&issuer=" + strings.ReplaceAll(url.QueryEscape(k.Name), "+", "%20")
}

// known is what the person knows their account by.
func known(user *storage.User) string {
	switch {
	case user.Claims.Email != "":
		return user.Claims.Email
	case user.Claims.PreferredUsername != "":
		return user.Claims.PreferredUsername
	default:
		return user.Claims.Name
	}
}

func grouped(s string) string {
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), " ")
}

// FinishTOTP returns the authenticator app to store if the code is one of it. That
// very code is not good for signing in any more. It fails with ErrWrong.
func (k *Keeper) FinishTOTP(user *storage.User, c Ceremony, code string) (*storage.TOTP, error) {
	if err := k.check(c, user.ID, purposeTOTP); err != nil {
		return nil, err
	}
	step, ok := k.match(c.Secret, code)
	if !ok {
		return nil, fmt.Errorf("%w: another code than that of the app to be added", ErrWrong)
	}
	return &storage.TOTP{
		UserID: user.ID, SealedSecret: k.totp.Seal(c.Secret, []byte(user.ID)), LastStep: step, CreatedAt: k.Now(),
	}, nil
}

// CheckTOTP returns what uses the code up if it is one of the user's app. It fails
// with ErrWrong.
func (k *Keeper) CheckTOTP(t *storage.TOTP, code string) (*storage.TOTPUse, error) {
	if t == nil {
		return nil, fmt.Errorf("%w: there is no authenticator app", ErrWrong)
	}
	key, err := k.totp.Open(t.SealedSecret, []byte(t.UserID))
	if err != nil {
		return nil, fmt.Errorf("open the secret of the authenticator app: %w", err)
	}
	step, ok := k.match(key, code)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: wrong code", ErrWrong)
	case step <= t.LastStep:
		return nil, fmt.Errorf("%w: the code was used before", ErrWrong)
	}
	return &storage.TOTPUse{UserID: t.UserID, Step: step}, nil
}

// match returns the time step whose code it is, the latest of those that are near.
func (k *Keeper) match(key []byte, code string) (step int64, ok bool) {
	code = bare(code)
	now := k.Now().Unix() / int64(totpStep.Seconds())
	for _, s := range [2*totpDrift + 1]int64{now - 1, now, now + 1} {
		if hmac.Equal([]byte(totp(key, s)), []byte(code)) {
			step, ok = s, true
		}
	}
	return step, ok
}

// totp is the code of a time step, [RFC 4226 §5.3].
//
// [RFC 4226 §5.3]: https://www.rfc-editor.org/rfc/rfc4226#section-5.3
func totp(key []byte, step int64) string {
	h := hmac.New(sha1.New, key)
	_ = binary.Write(h, binary.BigEndian, step) // a hash takes anything
	sum := h.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}

// bare takes away what people put between the characters of a code.
func bare(code string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u2010', '\u2011', '\u2013', '\t':
			return -1
		}
		return r
	}, strings.TrimSpace(code))
}
