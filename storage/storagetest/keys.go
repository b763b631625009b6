package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func keys() tests {
	return tests{
		"FirstSigningKeyIsAddedOnce":   testFirstKey,
		"SigningKeyIsRotatedOnce":      testRotateKey,
		"SigningKeysOfTwoAlgorithms":   testTwoAlgorithms,
		"SigningKeyIsResealed":         testReseal,
		"RetiredSigningKeysAreDeleted": testDeleteKeys,
		"SigningKeyFollowsOneOfItsOwn": testKeyOfOtherAlgorithm,
	}
}

func newKey(id, algorithm string) storage.SigningKey {
	return storage.SigningKey{
		ID: id, Algorithm: algorithm,
		PublicJWK: []byte(`{"kty":"EC"}`), SealedKey: []byte{0, 1, 2, 255},
		CreatedAt: now, ActiveAt: now.Add(time.Minute),
	}
}

func testFirstKey(t *testing.T, s *suite) {
	won := race(t, 16, storage.ErrConflict, func(i int) error {
		return s.AddSigningKey(t.Context(), newKey(fmt.Sprint(i), "ES256"), "", time.Time{})
	})
	equal(t, won, 1)
	all, err := s.SigningKeys(t.Context())
	ok(t, err)
	equal(t, all, []storage.SigningKey{newKey(all[0].ID, "ES256")})
}

func testRotateKey(t *testing.T, s *suite) {
	ctx := t.Context()
	first, retires := newKey("first", "ES256"), now.Add(time.Hour)
	ok(t, s.AddSigningKey(ctx, first, "", time.Time{}))
	won := race(t, 16, storage.ErrConflict, func(i int) error {
		k := newKey(fmt.Sprint(i), "ES256")
		k.CreatedAt = now.Add(time.Second)
		return s.AddSigningKey(ctx, k, "first", retires)
	})
	equal(t, won, 1)
	all, err := s.SigningKeys(ctx)
	ok(t, err)
	equal(t, len(all), 2)
	first.RetiredAt = retires
	equal(t, all[0], first)
	equal(t, all[1].RetiredAt, time.Time{})
}

func testTwoAlgorithms(t *testing.T, s *suite) {
	ok(t, s.AddSigningKey(t.Context(), newKey("a", "ES256"), "", time.Time{}))
	ok(t, s.AddSigningKey(t.Context(), newKey("b", "RS256"), "", time.Time{}))
}

func testKeyOfOtherAlgorithm(t *testing.T, s *suite) {
	ok(t, s.AddSigningKey(t.Context(), newKey("a", "ES256"), "", time.Time{}))
	fails(t, s.AddSigningKey(t.Context(), newKey("b", "RS256"), "a", now), storage.ErrConflict)
}

func testReseal(t *testing.T, s *suite) {
	k := newKey("key", "ES256")
	ok(t, s.AddSigningKey(t.Context(), k, "", time.Time{}))
	k.SealedKey = []byte("under another secret")
	ok(t, s.ResealSigningKey(t.Context(), k.ID, k.SealedKey))
	all, err := s.SigningKeys(t.Context())
	ok(t, err)
	equal(t, all, []storage.SigningKey{k})
}

func testDeleteKeys(t *testing.T, s *suite) {
	ctx := t.Context()
	ok(t, s.AddSigningKey(ctx, newKey("a", "ES256"), "", time.Time{}))
	ok(t, s.AddSigningKey(ctx, newKey("b", "ES256"), "a", now))
	ok(t, s.DeleteSigningKeys(ctx, now))
	all, err := s.SigningKeys(ctx)
	ok(t, err)
	equal(t, len(all), 2)
	ok(t, s.DeleteSigningKeys(ctx, now.Add(time.Microsecond)))
	all, err = s.SigningKeys(ctx)
	ok(t, err)
	equal(t, all, []storage.SigningKey{newKey("b", "ES256")})
}
