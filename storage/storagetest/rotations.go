package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

const grace = 30 * time.Second

func rotations() tests {
	return tests{
		"RotationInsideGraceHasOneSuccessor":       testRotationInsideGrace,
		"StrictRotationIsSingleUse":                testStrictRotation,
		"StrictRotationIgnoresClocksThatDisagree":  testStrictRotationSkew,
		"RotationAfterGraceIsSpent":                testRotationAfterGrace,
		"RotationAfterItsSuccessorIsSpent":         testRotationAfterSuccessor,
		"RotationToAnotherSuccessorIsSpent":        testRotationToAnotherSuccessor,
		"RotationWithTheSameKeyIsRepeated":         testRotateAgain,
		"RefreshTokenOfAnotherClientIsSpent":       testRefreshOfAnotherClient,
		"RefreshTokenExpiresByTheClockOfTheCaller": testRefreshExpiry,
		"RefreshTokenOfARevokedGrantIsSpent":       testRefreshOfRevokedGrant,
		"RotationsAndRevocationsDoNotDeadlock":     testRotateWhileRevoking,
	}
}

// refresh creates a grant with a refresh token and returns both.
func (s *suite) refresh(t *testing.T) (*storage.Grant, *storage.RefreshToken) {
	t.Helper()
	g := s.newGrant()
	r := newRefresh(g)
	s.apply(t, storage.Write{Grant: g, Refresh: r})
	return g, r
}

// rotation is a write that replaces the token.
func (s *suite) rotation(from, to *storage.RefreshToken, grace time.Duration) storage.Write {
	return write(storage.Write{
		Rotate:  &storage.Rotate{Refresh: from.Hash, ClientID: s.client.ID, Grace: grace},
		Refresh: to,
	})
}

// A client that asks twice, or in parallel, gets the same successor.
func testRotationInsideGrace(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	next := newRefresh(g)
	won := race(t, 20, nil, func(int) error {
		return s.Apply(t.Context(), s.rotation(first, next, grace))
	})
	equal(t, won, 20)

	got := s.read(t, storage.Wanted{Refresh: first.Hash})
	used := *first
	used.UsedAt, used.Successor = now, next.Hash
	equal(t, got.Refresh, &used)
	equal(t, s.read(t, storage.Wanted{Refresh: next.Hash}).Refresh, next)
}

func testStrictRotation(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	won := race(t, 20, storage.ErrSpent, func(int) error {
		return s.Apply(t.Context(), s.rotation(first, newRefresh(g), 0))
	})
	equal(t, won, 1)
}

// A node whose clock is behind must not take the use by another for the future.
func testStrictRotationSkew(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	next := newRefresh(g)
	ok(t, s.Apply(t.Context(), s.rotation(first, next, 0)))
	behind := s.rotation(first, next, 0)
	behind.Now = now.Add(-time.Second)
	fails(t, s.Apply(t.Context(), behind), storage.ErrSpent)
}

func testRotationAfterGrace(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	next := newRefresh(g)
	ok(t, s.Apply(t.Context(), s.rotation(first, next, grace)))

	inside := s.rotation(first, next, grace)
	inside.Now = now.Add(grace - time.Microsecond)
	ok(t, s.Apply(t.Context(), inside))

	// The window is from the first use, and a repetition does not prolong it.
	after := s.rotation(first, next, grace)
	after.Now = now.Add(grace)
	fails(t, s.Apply(t.Context(), after), storage.ErrSpent)
}

// RFC 9700 §4.14.2: the successor is in use, so the old token is presented by
// somebody else.
func testRotationAfterSuccessor(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	second, third := newRefresh(g), newRefresh(g)
	ok(t, s.Apply(t.Context(), s.rotation(first, second, grace)))
	ok(t, s.Apply(t.Context(), s.rotation(second, third, grace)))
	fails(t, s.Apply(t.Context(), s.rotation(first, second, grace)), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{Refresh: first.Hash}).Refresh.SuccessorUsed, true)
	equal(t, s.read(t, storage.Wanted{Refresh: second.Hash}).Refresh.SuccessorUsed, false)
}

func testRotationToAnotherSuccessor(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	ok(t, s.Apply(t.Context(), s.rotation(first, newRefresh(g), grace)))
	sibling := newRefresh(g)
	fails(t, s.Apply(t.Context(), s.rotation(first, sibling, grace)), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{Refresh: sibling.Hash}), storage.State{})
}

func testRotateAgain(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	w := s.rotation(first, newRefresh(g), 0)
	ok(t, s.Apply(t.Context(), w))
	before := s.read(t, storage.Wanted{Refresh: first.Hash})
	ok(t, s.Apply(t.Context(), w))
	equal(t, s.read(t, storage.Wanted{Refresh: first.Hash}), before)
}

func testRefreshOfAnotherClient(t *testing.T, s *suite) {
	ok(t, s.SaveClient(t.Context(), newClient("other")))
	g, first := s.refresh(t)
	w := s.rotation(first, newRefresh(g), grace)
	w.Rotate.ClientID = "other"
	fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
}

func testRefreshExpiry(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	late := s.rotation(first, newRefresh(g), grace)
	late.Now = first.ExpiresAt
	fails(t, s.Apply(t.Context(), late), storage.ErrSpent)
	inTime := s.rotation(first, newRefresh(g), grace)
	inTime.Now = first.ExpiresAt.Add(-time.Microsecond)
	ok(t, s.Apply(t.Context(), inTime))
}

func testRefreshOfRevokedGrant(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	ok(t, s.RevokeGrant(t.Context(), g.ID, now))
	fails(t, s.Apply(t.Context(), s.rotation(first, newRefresh(g), grace)), storage.ErrSpent)
}

func testRotateWhileRevoking(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	next := newRefresh(g)
	race(t, 32, storage.ErrSpent, func(i int) error {
		switch i % 4 {
		case 0:
			return s.RevokeGrant(t.Context(), g.ID, now)
		default:
			return s.Apply(t.Context(), s.rotation(first, next, grace))
		}
	})
	fails(t, s.Apply(t.Context(), s.rotation(first, next, grace)), storage.ErrSpent)
}
