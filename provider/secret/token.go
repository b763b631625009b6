package secret

import (
	"crypto/rand"
	"encoding/base64"
)

// TokenBytes is the entropy of a [Token].
const TokenBytes = 32

// Token returns an opaque token: the prefix and 256 random bits in base64url, an
// alphabet that needs no encoding in any place that a secret is sent.
func Token(prefix string) string {
	b := make([]byte, TokenBytes)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}
