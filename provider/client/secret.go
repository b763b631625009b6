package client

import "github.com/gatelodge/gatelodge/provider/secret"

// SecretKey is the key that client secrets are hashed with.
func SecretKey(keys *secret.Keys) *secret.Key { return keys.For("client secrets") }

// NewSecret returns a client secret.
func NewSecret() string { return secret.Token("") }

// HashSecret returns the stored form of a client's secret. A fast hash will do,
// since secrets are ours and have 256 bits; it is keyed, so that a copy of the
// database does not even let one test a guess.
func HashSecret(keys *secret.Keys, clientID, clientSecret string) []byte {
	return SecretKey(keys).MAC([]byte(clientID), []byte(clientSecret))
}
