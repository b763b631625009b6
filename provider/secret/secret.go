// Package secret owns the configured master secret: the keys derived from it,
// the sealing of values that leave the process, the hashing of client secrets, and
// the making of random tokens. It does not own signing keys, which provider/keys
// seals with it.
package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"
)

// MinLength is the least length of a master secret, in bytes.
const MinLength = 32

// ErrOpen reports a sealed value that is not ours, was altered, or was sealed
// for another purpose, context or secret.
var ErrOpen = errors.New("sealed value cannot be opened")

// Keys derives everything from the current master secret; what previous ones
// made is still recognised, so that a secret can be replaced without downtime.
type Keys struct {
	secrets [][]byte
}

// New returns the keys of the current master secret and of previous ones,
// newest first. Each must have at least MinLength bytes.
func New(current string, previous ...string) (*Keys, error) {
	k := &Keys{}
	for _, s := range append([]string{current}, previous...) {
		if len(s) < MinLength {
			return nil, fmt.Errorf("secret: needs at least %d bytes, has %d", MinLength, len(s))
		}
		k.secrets = append(k.secrets, []byte(s))
	}
	return k, nil
}

// For returns the keys for one purpose, a constant such as "signing keys":
// keys of different purposes are independent. It derives, so callers keep it.
func (k *Keys) For(purpose string) *Key {
	key := &Key{}
	for _, s := range k.secrets {
		// Fails only for an output length beyond the hash's limit.
		derived, err := hkdf.Key(sha256.New, s, nil, "gatelodge "+purpose, chacha20poly1305.KeySize)
		if err != nil {
			panic(err)
		}
		aead, err := chacha20poly1305.NewX(derived)
		if err != nil {
			panic(err)
		}
		key.macs = append(key.macs, derived)
		key.aeads = append(key.aeads, aead)
	}
	return key
}

// Key seals and authenticates for one purpose. A purpose either seals or
// makes MACs, never both.
type Key struct {
	macs  [][]byte
	aeads []cipher.AEAD
}

// Seal encrypts plaintext with XChaCha20-Poly1305 and binds it to the context,
// which must be given again to open it.
func (k *Key) Seal(plaintext, context []byte) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plaintext)+chacha20poly1305.Overhead)
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	return k.aeads[0].Seal(nonce, nonce, plaintext, context)
}

// Open decrypts what Seal made, under the current secret or a previous one. It
// fails with ErrOpen.
func (k *Key) Open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, ErrOpen
	}
	nonce, box := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	for _, aead := range k.aeads {
		if plaintext, err := aead.Open(nil, nonce, box, context); err == nil {
			return plaintext, nil
		}
	}
	return nil, ErrOpen
}

// Reseal returns what Seal made under a previous secret sealed anew under the
// current one, or nil if it is sealed under that already. It fails with ErrOpen.
func (k *Key) Reseal(sealed, context []byte) ([]byte, error) {
	current := &Key{aeads: k.aeads[:1]}
	if _, err := current.Open(sealed, context); err == nil {
		return nil, nil
	}
	plaintext, err := k.Open(sealed, context)
	if err != nil {
		return nil, err
	}
	return k.Seal(plaintext, context), nil
}

// MAC returns the HMAC-SHA-256 of the parts under the current secret. The
// parts are told apart: MAC("ab", "c") is not MAC("a", "bc").
func (k *Key) MAC(parts ...[]byte) []byte { return mac(k.macs[0], parts) }

// MACs returns the MAC under the current secret and under each previous one,
// newest first.
func (k *Key) MACs(parts ...[]byte) [][]byte {
	sums := make([][]byte, len(k.macs))
	for i, key := range k.macs {
		sums[i] = mac(key, parts)
	}
	return sums
}

// Verify reports in constant time whether sum is the MAC of the parts, under
// the current secret or a previous one.
func (k *Key) Verify(sum []byte, parts ...[]byte) bool {
	for _, want := range k.MACs(parts...) {
		if hmac.Equal(sum, want) {
			return true
		}
	}
	return false
}

func mac(key []byte, parts [][]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(strconv.AppendInt(nil, int64(len(part)), 10))
		h.Write([]byte{':'})
		h.Write(part)
	}
	return h.Sum(nil)
}
