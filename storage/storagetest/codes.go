package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func codes() tests {
	return tests{
		"CodeIsSingleUse":                     testCodeIsSingleUse,
		"CodeIsReadWithGrantAndUser":          testCodeIsRead,
		"CodeOfAnotherClientIsSpent":          testCodeOfAnotherClient,
		"CodeExpiresByTheClockOfTheCaller":    testCodeExpiry,
		"CodeOfARevokedGrantIsSpent":          testCodeOfRevokedGrant,
		"CodeOfAnExpiredGrantIsSpent":         testCodeOfExpiredGrant,
		"RedemptionWithTheSameKeyIsRepeated":  testRedeemAgain,
		"RefusedRedemptionWritesNothing":      testRefusedRedemption,
		"UnknownCodeIsSpent":                  testUnknownCode,
		"ParallelExchangesOfManyCodesSucceed": testManyCodes,
	}
}

// code creates a grant with a code and returns both.
func (s *suite) code(t *testing.T) (*storage.Grant, *storage.Code) {
	t.Helper()
	g := s.newGrant()
	c := newCode(g)
	s.apply(t, storage.Write{Grant: g, Code: c})
	return g, c
}

func (s *suite) redeem(c *storage.Code) *storage.Redeem {
	return &storage.Redeem{Code: c.Hash, ClientID: s.client.ID}
}

// A code is redeemed once, however many ask at once: RFC 6749 §4.1.2.
func testCodeIsSingleUse(t *testing.T, s *suite) {
	g, c := s.code(t)
	won := race(t, 64, storage.ErrSpent, func(int) error {
		return s.Apply(t.Context(), write(storage.Write{
			Redeem: s.redeem(c), Refresh: newRefresh(g), Access: newAccess(g),
		}))
	})
	equal(t, won, 1)
	equal(t, s.read(t, storage.Wanted{Code: c.Hash}).Code.UsedAt, now)
}

func testCodeIsRead(t *testing.T, s *suite) {
	g, c := s.code(t)
	got := s.read(t, storage.Wanted{ClientID: s.client.ID, Code: c.Hash})
	equal(t, got, storage.State{Client: &s.client, Code: c, Grant: g, User: &s.user})
}

// RFC 6749 §4.1.3: the code was issued to the client that presents it.
func testCodeOfAnotherClient(t *testing.T, s *suite) {
	ok(t, s.SaveClient(t.Context(), newClient("other")))
	_, c := s.code(t)
	fails(t, s.Apply(t.Context(), write(storage.Write{
		Redeem: &storage.Redeem{Code: c.Hash, ClientID: "other"},
	})), storage.ErrSpent)
	s.apply(t, storage.Write{Redeem: s.redeem(c)})
}

func testCodeExpiry(t *testing.T, s *suite) {
	_, c := s.code(t)
	fails(t, s.Apply(t.Context(), write(storage.Write{Now: c.ExpiresAt, Redeem: s.redeem(c)})),
		storage.ErrSpent)
	s.apply(t, storage.Write{Now: c.ExpiresAt.Add(-time.Microsecond), Redeem: s.redeem(c)})
}

func testCodeOfRevokedGrant(t *testing.T, s *suite) {
	g, c := s.code(t)
	ok(t, s.RevokeGrant(t.Context(), g.ID, now))
	fails(t, s.Apply(t.Context(), write(storage.Write{Redeem: s.redeem(c)})), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{Code: c.Hash}).Grant.RevokedAt, now)
}

func testCodeOfExpiredGrant(t *testing.T, s *suite) {
	g := s.newGrant()
	g.ExpiresAt = now
	c := newCode(g)
	s.apply(t, storage.Write{Grant: g, Code: c})
	fails(t, s.Apply(t.Context(), write(storage.Write{Redeem: s.redeem(c)})), storage.ErrSpent)
}

// An answer that was lost is asked for again.
func testRedeemAgain(t *testing.T, s *suite) {
	g, c := s.code(t)
	w := write(storage.Write{Redeem: s.redeem(c), Refresh: newRefresh(g), Access: newAccess(g)})
	ok(t, s.Apply(t.Context(), w))
	before := s.read(t, storage.Wanted{Refresh: w.Refresh.Hash})
	ok(t, s.Apply(t.Context(), w))
	equal(t, s.read(t, storage.Wanted{Refresh: w.Refresh.Hash}), before)
}

func testRefusedRedemption(t *testing.T, s *suite) {
	g, c := s.code(t)
	s.apply(t, storage.Write{Redeem: s.redeem(c)})

	w := write(storage.Write{
		Redeem: s.redeem(c), Refresh: newRefresh(g), Access: newAccess(g),
		Session: newSession(s.user.ID),
		Consent: &storage.Consent{UserID: s.user.ID, ClientID: s.client.ID, Scopes: []string{"openid"}, GrantedAt: now},
	})
	fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{Refresh: w.Refresh.Hash}), storage.State{})
	equal(t, s.read(t, storage.Wanted{Access: w.Access.Hash}), storage.State{})
	s.isSignedIn(t, w.Session, false)
}

func testUnknownCode(t *testing.T, s *suite) {
	c := newCode(s.newGrant())
	equal(t, s.read(t, storage.Wanted{Code: c.Hash}), storage.State{})
	fails(t, s.Apply(t.Context(), write(storage.Write{Redeem: s.redeem(c)})), storage.ErrSpent)
}

func testManyCodes(t *testing.T, s *suite) {
	won := race(t, 32, nil, func(int) error {
		g := s.newGrant()
		c := newCode(g)
		if err := s.Apply(t.Context(), write(storage.Write{Grant: g, Code: c})); err != nil {
			return err
		}
		return s.Apply(t.Context(), write(storage.Write{Redeem: s.redeem(c), Refresh: newRefresh(g)}))
	})
	equal(t, won, 32)
}
