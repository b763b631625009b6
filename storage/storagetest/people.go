package storagetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func people() tests {
	return tests{
		"FactorsAreReadWithTheAttempt":      testFactors,
		"LinkIsSingleUse":                   testLinkIsSingleUse,
		"TOTPStepIsSingleUse":               testTOTPIsSingleUse,
		"RecoveryCodeIsSingleUse":           testRecoveryCodeIsSingleUse,
		"NewUserIsSignedInWithTheSameWrite": testCreateUser,
		"ConnectionsAreListed":              testConnections,
		"SessionsAreListed":                 testListSessions,
		"ActivityIsListed":                  testActivity,
		"MailsAreTakenOnce":                 testMails,
	}
}

func newLink(userID string) storage.Link {
	return storage.Link{
		ID: rand.Text(), Hash: storage.HashOf(rand.Text()), CodeHash: storage.HashOf(rand.Text()),
		Purpose: "purpose", UserID: userID, Email: "user@example.com", SealedData: []byte("sealed"),
		CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute),
	}
}

func newPasskey(userID string) storage.Passkey {
	return storage.Passkey{
		ID: []byte(rand.Text()), UserID: userID, Name: "Phone", PublicKey: []byte("key"), AAGUID: []byte("aaguid"),
		Transports: []string{"internal", "hybrid"}, SignCount: 7, BackupEligible: true, CreatedAt: now,
	}
}

func newTOTP(userID string) storage.TOTP {
	return storage.TOTP{UserID: userID, SealedSecret: []byte("secret"), LastStep: 100, CreatedAt: now}
}

// change changes the suite's user.
func (s *suite) change(t *testing.T, c storage.UserChange) {
	t.Helper()
	c.UserID = s.user.ID
	s.apply(t, storage.Write{Change: &c})
}

func testFactors(t *testing.T, s *suite) {
	totp, passkey := newTOTP(s.user.ID), newPasskey(s.user.ID)
	s.change(t, storage.UserChange{
		SetTOTP: &totp, AddPasskey: &passkey, RecoveryCodes: []storage.Hash{storage.HashOf("a"), storage.HashOf("b")},
	})
	s.apply(t, storage.Write{
		Now:        now.Add(time.Minute),
		UsePasskey: &storage.PasskeyUse{ID: passkey.ID, SignCount: 8, BackedUp: true},
	})
	passkey.LastUsedAt, passkey.SignCount, passkey.BackedUp = now.Add(time.Minute), 8, true
	want := storage.Factors{TOTP: &totp, Passkeys: []storage.Passkey{passkey}, RecoveryCodes: 2}
	got, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, want)
	for _, a := range []storage.Attempt{{Identifier: "user"}, {UserID: s.user.ID}, {Passkey: passkey.ID}} {
		a.Now, a.Window = now, time.Minute
		state, err := s.CountAttempt(t.Context(), a)
		ok(t, err)
		equal(t, state.Factors, want)
		equal(t, *state.User, s.user)
	}
}

func testLinkIsSingleUse(t *testing.T, s *suite) {
	l := newLink(s.user.ID)
	s.apply(t, storage.Write{Links: []storage.Link{l}})
	got, user, err := s.FindLink(t.Context(), l.Hash, now)
	ok(t, err)
	equal(t, got, l)
	equal(t, user, &s.user)
	l.Attempts = 1
	got, user, err = s.CountLinkAttempt(t.Context(), l.ID, now)
	ok(t, err)
	equal(t, got, l)
	equal(t, user, &s.user)
	won := race(t, 64, storage.ErrSpent, func(int) error {
		password := rand.Text()
		return s.Apply(t.Context(), write(storage.Write{
			UseLink: &storage.LinkUse{Hash: l.Hash},
			Change:  &storage.UserChange{UserID: s.user.ID, PasswordHash: &password},
		}))
	})
	equal(t, won, 1)
	_, _, err = s.FindLink(t.Context(), l.Hash, now)
	fails(t, err, storage.ErrNotFound)
}

func testTOTPIsSingleUse(t *testing.T, s *suite) {
	totp := newTOTP(s.user.ID)
	s.change(t, storage.UserChange{SetTOTP: &totp})
	won := race(t, 64, storage.ErrSpent, func(int) error {
		return s.Apply(t.Context(), write(storage.Write{
			Verified: s.verified(), Session: newSession(s.user.ID),
			UseTOTP: &storage.TOTPUse{UserID: s.user.ID, Step: 101},
		}))
	})
	equal(t, won, 1)
}

func testRecoveryCodeIsSingleUse(t *testing.T, s *suite) {
	s.change(t, storage.UserChange{RecoveryCodes: []storage.Hash{storage.HashOf("a"), storage.HashOf("b")}})
	won := race(t, 64, storage.ErrSpent, func(int) error {
		return s.Apply(t.Context(), write(storage.Write{
			Verified: s.verified(), Session: newSession(s.user.ID),
			UseRecoveryCode: &storage.RecoveryCodeUse{UserID: s.user.ID, Hash: storage.HashOf("a")},
		}))
	})
	equal(t, won, 1)
	got, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, storage.Factors{RecoveryCodes: 1})
}

func testCreateUser(t *testing.T, s *suite) {
	l, u := newLink(""), newUser("new")
	s.apply(t, storage.Write{Links: []storage.Link{l}})
	session := newSession(u.ID)
	w := write(storage.Write{
		UseLink: &storage.LinkUse{Hash: l.Hash}, CreateUser: &u, Session: session,
		Activity: []storage.Activity{{ID: "a", UserID: u.ID, At: now, Event: "signed_up"}},
	})
	for range 2 {
		ok(t, s.Apply(t.Context(), w))
		s.isSignedIn(t, session, true)
	}
}

func testConnections(t *testing.T, s *suite) {
	skips := newClient("skips")
	ok(t, s.SaveClient(t.Context(), skips))
	g := s.newGrant()
	g.ClientID = skips.ID
	g.CreatedAt = now.Add(-time.Minute)
	s.apply(t, storage.Write{Grant: g, Consent: s.consent("openid")})
	got, err := s.ListConnections(t.Context(), s.user.ID, now)
	ok(t, err)
	equal(t, got, []storage.Connection{
		{Client: s.client, Scopes: []string{"openid"}, Since: now, LastUsedAt: now},
		{Client: skips, Since: g.CreatedAt, LastUsedAt: g.CreatedAt},
	})
	ok(t, s.Disconnect(t.Context(), s.user.ID, s.client.ID, now))
	ok(t, s.Disconnect(t.Context(), s.user.ID, skips.ID, now))
	got, err = s.ListConnections(t.Context(), s.user.ID, now)
	ok(t, err)
	equal(t, got, []storage.Connection(nil))
}

func testListSessions(t *testing.T, s *suite) {
	session := s.session(t)
	g := s.newGrant()
	g.SessionID, g.CreatedAt = session.ID, now.Add(time.Minute)
	s.apply(t, storage.Write{Grant: g})
	got, err := s.ListSessions(t.Context(), s.user.ID, now)
	ok(t, err)
	session.LastSeenAt = g.CreatedAt
	equal(t, got, []storage.Session{*session})
}

func testActivity(t *testing.T, s *suite) {
	a := storage.Activity{ID: "a", UserID: s.user.ID, At: now, Event: "e", ClientID: "c", Network: "n", UserAgent: "u"}
	s.apply(t, storage.Write{Activity: []storage.Activity{a}})
	got, err := s.ListActivity(t.Context(), s.user.ID, now.Add(time.Second), 10)
	ok(t, err)
	equal(t, got, []storage.Activity{a})
}

func testMails(t *testing.T, s *suite) {
	m := storage.Mail{ID: "m", Sealed: []byte("sealed"), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	s.apply(t, storage.Write{Mails: []storage.Mail{m}})
	got, next, err := s.TakeMails(t.Context(), now, now.Add(time.Minute), 10)
	ok(t, err)
	equal(t, got, []storage.Mail{m})
	equal(t, next, time.Time{})
	ok(t, s.PostponeMail(t.Context(), m.ID, now.Add(time.Second)))
	_, next, err = s.TakeMails(t.Context(), now, now.Add(time.Minute), 10)
	ok(t, err)
	equal(t, next, now.Add(time.Second))
	ok(t, s.DeleteMail(t.Context(), m.ID))
}
