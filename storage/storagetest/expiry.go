package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func expiry() tests {
	return tests{
		"CleanUpKeepsWhatLives":             testCleanUpKeeps,
		"CleanUpKeepsUsedRefreshTokens":     testCleanUpKeepsUsed,
		"CleanUpDeletesAGrantWithItsTokens": testCleanUpDeletesGrant,
		"CleanUpDeletesGrantsNeverRedeemed": testCleanUpDeletesAbandoned,
		"CleanUpDeletesTheRest":             testCleanUpDeletesRest,
		"CleanUpIsBounded":                  testCleanUpIsBounded,
		"CleanUpTakesALongFamilyBitByBit":   testCleanUpOfALongFamily,
		"ParallelCleanUpsDoNotDisturb":      testParallelCleanUps,
	}
}

// cleanUp deletes what has expired by then, and returns how much.
func (s *suite) cleanUp(t *testing.T, then time.Time, limit int) int {
	t.Helper()
	n, err := s.DeleteExpired(t.Context(), then, limit)
	ok(t, err)
	return n
}

func testCleanUpKeeps(t *testing.T, s *suite) {
	g := s.newGrant()
	c, r, a, session := newCode(g), newRefresh(g), newAccess(g), newSession(s.user.ID)
	s.apply(t, storage.Write{
		Assertion: newAssertion(s.client.ID, "jti"),
		Grant:     g, Code: c, Refresh: r, Access: a, Session: session,
	})
	ok(t, s.RevokeToken(t.Context(), "jti", now.Add(time.Minute)))
	s.attempt(t, newAttempt("user"))
	equal(t, s.cleanUp(t, now.Add(time.Minute-time.Microsecond), 100), 0)
}

// A stolen token used long after its rotation is still recognised: RFC 9700
// §4.14.2.
func testCleanUpKeepsUsed(t *testing.T, s *suite) {
	g, c := s.code(t)
	first, second := newRefresh(g), newRefresh(g)
	s.apply(t, storage.Write{Redeem: s.redeem(c), Refresh: first})
	ok(t, s.Apply(t.Context(), s.rotation(first, second, grace)))
	s.cleanUp(t, g.ExpiresAt.Add(-time.Microsecond), 100)
	if got := s.read(t, storage.Wanted{Refresh: first.Hash}); got.Refresh == nil || got.Refresh.UsedAt.IsZero() {
		t.Fatalf("got %+v, want the used token", got.Refresh)
	}
	if got := s.read(t, storage.Wanted{Code: c.Hash}); got.Code == nil || got.Code.UsedAt.IsZero() {
		t.Fatalf("got %+v, want the used code", got.Code)
	}
}

func testCleanUpDeletesGrant(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	s.cleanUp(t, g.ExpiresAt, 100)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
	equal(t, s.read(t, storage.Wanted{Refresh: first.Hash}), storage.State{})
}

// Beside the code may have come an access token, OpenID Connect Core §3.3.2.5, which
// does not go with it.
func testCleanUpDeletesAbandoned(t *testing.T, s *suite) {
	g := s.newGrant()
	c := newCode(g)
	g.ExpiresAt = now.Add(100 * time.Hour)
	s.apply(t, storage.Write{Grant: g, Code: c})
	equal(t, s.cleanUp(t, c.ExpiresAt.Add(24*time.Hour-time.Microsecond), 100), 0)
	equal(t, s.cleanUp(t, c.ExpiresAt.Add(24*time.Hour), 100), 1)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
}

func testCleanUpDeletesRest(t *testing.T, s *suite) {
	g := s.newGrant()
	a, session := newAccess(g), newSession(s.user.ID)
	g.ExpiresAt = now.Add(100 * time.Hour)
	s.apply(t, storage.Write{
		Assertion: newAssertion(s.client.ID, "jti"), Grant: g, Access: a, Session: session,
	})
	ok(t, s.RevokeToken(t.Context(), "jti", now.Add(time.Minute)))
	s.attempt(t, newAttempt("user")) // two counters
	equal(t, s.cleanUp(t, now.Add(time.Hour), 100), 6)
	equal(t, s.read(t, storage.Wanted{Access: a.Hash}), storage.State{})
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant, g)
}

func testCleanUpIsBounded(t *testing.T, s *suite) {
	for range 5 {
		s.apply(t, storage.Write{Session: newSession(s.user.ID)})
	}
	for _, want := range []int{2, 2, 1, 0} {
		equal(t, s.cleanUp(t, now.Add(time.Hour), 2), want)
	}
}

// A grant that was refreshed for months does not go at once with thousands of
// tokens, which would take longer than a request waits.
func testCleanUpOfALongFamily(t *testing.T, s *suite) {
	g, token := s.refresh(t)
	for range 4 {
		next := newRefresh(g)
		ok(t, s.Apply(t.Context(), s.rotation(token, next, 0)))
		token = next
	}
	for _, want := range []int{2, 2, 2, 0} { // five tokens, and the grant at last
		equal(t, s.cleanUp(t, g.ExpiresAt, 2), want)
	}
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
}

func testParallelCleanUps(t *testing.T, s *suite) {
	for range 20 {
		s.refresh(t)
	}
	race(t, 8, nil, func(int) error {
		_, err := s.DeleteExpired(t.Context(), now.Add(time.Hour), 10)
		return err
	})
	s.cleanUp(t, now.Add(time.Hour), 100)
	equal(t, s.cleanUp(t, now.Add(time.Hour), 100), 0)
}
