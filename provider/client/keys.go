package client

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/storage"
)

// What [Keys] fails with, beside an outage of our own.
var (
	// ErrSignature reports what is not signed with a key of the client's.
	ErrSignature = errors.New("it is not signed with a key of the client")
	// ErrNoKey reports a client without a key that can be encrypted to.
	ErrNoKey = errors.New("the client has no key for it")
	// ErrUnreachable reports that the keys are where the client said, and that
	// they could not be fetched there.
	ErrUnreachable = errors.New("the client's keys could not be fetched")
)

const (
	// maxKeys bounds the keys of a client that are looked at, and maxTried those
	// that a signature without a kid is checked with.
	maxKeys, maxTried = 32, 4
	// The sizes of RSA keys: what RFC 7518 §3.3 asks for, and what verifying
	// with does not take long.
	minRSA, maxRSA = 2048, 8192
	// maxName bounds the kid, use and alg of a key.
	maxName = 512
	// maxSets bounds the memory.
	maxSets = 1000
)

// Keys are the public keys of clients: those at the jwks_uri of one that has
// one, else its jwks. They are parsed once.
type Keys struct {
	calls *outbound.Client

	mu     sync.Mutex
	parsed map[[sha256.Size]byte][]jose.JSONWebKey // by the text of the key set
}

// NewKeys returns the keys of clients, fetched by calls.
func NewKeys(calls *outbound.Client) *Keys {
	return &Keys{calls: calls, parsed: map[[sha256.Size]byte][]jose.JSONWebKey{}}
}

// current returns the client's keys as they are known.
func (k *Keys) current(ctx context.Context, c *storage.Client) ([]jose.JSONWebKey, error) {
	if c.Metadata.JWKSURI == "" {
		return k.parse(c.Metadata.JWKS), nil
	}
	return k.fetched(k.calls.Get(ctx, c.Metadata.JWKSURI))
}

// anew returns the keys that the client has by now at its jwks_uri.
func (k *Keys) anew(ctx context.Context, c *storage.Client) ([]jose.JSONWebKey, error) {
	return k.fetched(k.calls.Refetch(ctx, c.Metadata.JWKSURI))
}

func (k *Keys) fetched(d outbound.Document, err error) ([]jose.JSONWebKey, error) {
	if errors.Is(err, outbound.ErrFailed) || errors.Is(err, outbound.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err != nil {
		return nil, err
	}
	return k.parse(d.Body), nil
}

// parse returns the usable keys of a set, which nobody may change.
func (k *Keys) parse(jwks []byte) []jose.JSONWebKey {
	id := sha256.Sum256(jwks)
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.parsed[id]
	if !ok {
		if len(k.parsed) >= maxSets {
			for id := range k.parsed { // any one: the order is random
				delete(k.parsed, id)
				break
			}
		}
		set = usableKeys(jwks)
		k.parsed[id] = set
	}
	return set
}

// usableKeys returns the public keys of a set that are good for anything. Others
// are ignored, [RFC 7517 §5].
//
// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func usableKeys(jwks []byte) []jose.JSONWebKey {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil
	}
	var usable []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		// What is private must not be here, and is not worth the work to check it.
		var private struct {
			D *json.RawMessage `json:"d"`
			K *json.RawMessage `json:"k"`
		}
		if err := json.Unmarshal(raw, &private); err != nil || private.D != nil || private.K != nil {
			continue
		}
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err == nil && key.Valid() && key.IsPublic() && bearable(key) {
			// Without its certificates, which can be long.
			usable = append(usable, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
		}
	}
	return usable
}

// bearable reports whether the key is long enough to trust and short enough to
// use.
func bearable(key jose.JSONWebKey) bool {
	if len(key.KeyID)+len(key.Algorithm)+len(key.Use) > maxName {
		return false
	}
	public, ok := key.Key.(*rsa.PublicKey)
	return !ok || sized(public) && sound(public)
}

// sound reports whether crypto/rsa takes the key: one that it refuses is no reason
// for a fault of ours.
func sound(public *rsa.PublicKey) bool {
	return public.N.Bit(0) == 1 && public.E > 2 && public.E%2 == 1 && public.E < 1<<31
}

func sized(public *rsa.PublicKey) bool {
	bits := public.N.BitLen()
	return minRSA <= bits && bits <= maxRSA
}
