package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func assertions() tests {
	return tests{
		"AssertionIsSingleUse":                     testAssertionIsSingleUse,
		"AssertionIsSingleUseForManyCodes":         testAssertionForManyCodes,
		"AssertionOfARefusedRedemptionIsNotBurnt":  testAssertionNotBurntByCode,
		"AssertionOfARefusedRotationIsNotBurnt":    testAssertionNotBurntByRotation,
		"CodeWithAReplayedAssertionIsNotSpent":     testReplayDoesNotSpendCode,
		"AssertionWithTheSameKeyIsRepeated":        testAssertionAgain,
		"AssertionsOfTwoClientsMayShareAnIdentity": testAssertionPerClient,
	}
}

func newAssertion(clientID, jti string) *storage.Assertion {
	return &storage.Assertion{
		ClientID: clientID, JTI: storage.HashOf(jti), ExpiresAt: now.Add(time.Minute),
	}
}

// RFC 7523 §3: the jti is not accepted twice, in parallel either.
func testAssertionIsSingleUse(t *testing.T, s *suite) {
	won := race(t, 32, storage.ErrReplayed, func(int) error {
		g := s.newGrant()
		return s.Apply(t.Context(), write(storage.Write{
			Assertion: newAssertion(s.client.ID, "jti"), Grant: g, Access: newAccess(g),
		}))
	})
	equal(t, won, 1)
}

// One assertion presented with many codes redeems one, and leaves the others.
func testAssertionForManyCodes(t *testing.T, s *suite) {
	var codes []*storage.Code
	for range 16 {
		_, c := s.code(t)
		codes = append(codes, c)
	}
	won := race(t, len(codes), storage.ErrReplayed, func(i int) error {
		return s.Apply(t.Context(), write(storage.Write{
			Assertion: newAssertion(s.client.ID, "jti"), Redeem: s.redeem(codes[i]),
		}))
	})
	equal(t, won, 1)
	used := 0
	for _, c := range codes {
		if !s.read(t, storage.Wanted{Code: c.Hash}).Code.UsedAt.IsZero() {
			used++
		}
	}
	equal(t, used, 1)
}

func testAssertionNotBurntByCode(t *testing.T, s *suite) {
	_, spent := s.code(t)
	s.apply(t, storage.Write{Redeem: s.redeem(spent)})
	a := newAssertion(s.client.ID, "jti")
	fails(t, s.Apply(t.Context(), write(storage.Write{Assertion: a, Redeem: s.redeem(spent)})),
		storage.ErrSpent)
	_, c := s.code(t)
	s.apply(t, storage.Write{Assertion: a, Redeem: s.redeem(c)})
}

func testAssertionNotBurntByRotation(t *testing.T, s *suite) {
	g, first := s.refresh(t)
	second := newRefresh(g)
	ok(t, s.Apply(t.Context(), s.rotation(first, second, 0)))

	refused := s.rotation(first, newRefresh(g), 0)
	refused.Assertion = newAssertion(s.client.ID, "jti")
	fails(t, s.Apply(t.Context(), refused), storage.ErrSpent)

	w := s.rotation(second, newRefresh(g), 0)
	w.Assertion = refused.Assertion
	ok(t, s.Apply(t.Context(), w))
}

func testReplayDoesNotSpendCode(t *testing.T, s *suite) {
	a := newAssertion(s.client.ID, "jti")
	s.apply(t, storage.Write{Assertion: a})
	g, c := s.code(t)
	w := write(storage.Write{Assertion: a, Redeem: s.redeem(c), Refresh: newRefresh(g)})
	fails(t, s.Apply(t.Context(), w), storage.ErrReplayed)
	equal(t, s.read(t, storage.Wanted{Refresh: w.Refresh.Hash}), storage.State{})
	s.apply(t, storage.Write{Assertion: newAssertion(s.client.ID, "fresh"), Redeem: s.redeem(c)})
}

func testAssertionAgain(t *testing.T, s *suite) {
	g, c := s.code(t)
	w := write(storage.Write{
		Assertion: newAssertion(s.client.ID, "jti"), Redeem: s.redeem(c), Refresh: newRefresh(g),
	})
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
}

func testAssertionPerClient(t *testing.T, s *suite) {
	s.apply(t, storage.Write{Assertion: newAssertion("a", "jti")})
	s.apply(t, storage.Write{Assertion: newAssertion("b", "jti")})
}
