package factor

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/gatelodge/gatelodge/storage"
)

// Recovery codes stand in for a factor that is lost: look-up secrets of 80 bits,
// [NIST SP 800-63B §3.1.2], so that a plain hash of one tells nothing.
//
// [NIST SP 800-63B §3.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html#lookupsecrets
const (
	recoveryCodes  = 10
	recoveryBytes  = 10
	recoveryLength = recoveryBytes * 8 / 5
)

// recoveryEncoding is Crockford's alphabet, in which no two characters look alike.
func recoveryEncoding() *base32.Encoding {
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
}

// NewRecoveryCodes makes codes, as people see them, and what is stored of them.
func NewRecoveryCodes(userID string) (codes []string, hashes []storage.Hash) {
	for range recoveryCodes {
		var b [recoveryBytes]byte
		_, _ = rand.Read(b[:]) // never fails, see crypto/rand
		code := strings.ReplaceAll(grouped(recoveryEncoding().EncodeToString(b[:])), " ", "-")
		codes, hashes = append(codes, code), append(hashes, recoveryHash(userID, code))
	}
	return codes, hashes
}

// CheckRecoveryCode returns what uses the code up, if it can be one. It fails with
// ErrWrong.
func CheckRecoveryCode(userID, code string) (*storage.RecoveryCodeUse, error) {
	if len(normal(code)) != recoveryLength {
		return nil, fmt.Errorf("%w: no recovery code", ErrWrong)
	}
	return &storage.RecoveryCodeUse{UserID: userID, Hash: recoveryHash(userID, code)}, nil
}

func recoveryHash(userID, code string) storage.Hash {
	return storage.HashOf("recovery code " + userID + " " + normal(code))
}

// normal is what counts of a code that somebody has typed.
func normal(code string) string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(bare(code)))
}
