package client

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/gatelodge/gatelodge/provider/secret"
)

// SecretKey is the key that client secrets are hashed with.
func SecretKey(keys *secret.Keys) *secret.Key { return keys.For("client secrets") }

// NewSecret returns a client secret: 256 random bits in base64url, an alphabet
// that needs no encoding in any place that a secret is sent.
func NewSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashSecret returns the stored form of a client's secret. A fast hash will do,
// since secrets are ours and have 256 bits; it is keyed, so that a copy of the
// database does not even let one test a guess.
func HashSecret(keys *secret.Keys, clientID, clientSecret string) []byte {
	return SecretKey(keys).MAC([]byte(clientID), []byte(clientSecret))
}
