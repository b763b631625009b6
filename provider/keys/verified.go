package keys

import (
	"bytes"
	"crypto/sha256"
	"sync"
)

// maxVerified bounds the memory of one key: 2 MiB with RSA's signatures.
const maxVerified = 4096

// verified remembers good signatures of one key, by the digest of what was signed:
// to check one of ES256 anew costs as much as all else that an introspection does.
type verified struct {
	mu         sync.RWMutex
	signatures map[[sha256.Size]byte][]byte
}

func newVerified() *verified { return &verified{signatures: map[[sha256.Size]byte][]byte{}} }

func (v *verified) has(digest [sha256.Size]byte, signature []byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	known, ok := v.signatures[digest]
	return ok && bytes.Equal(known, signature)
}

func (v *verified) add(digest [sha256.Size]byte, signature []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.signatures) >= maxVerified {
		for one := range v.signatures { // any one: the order is random
			delete(v.signatures, one)
			break
		}
	}
	v.signatures[digest] = signature
}
