package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func changes() tests {
	return tests{
		"ChangeIsOfWhatItNames":                           testChangeFields,
		"ProfileEmailAndPasswordMoveUpdatedAt":            testUpdatedAt,
		"ChangedPasswordKeepsOneSession":                  testChangeKeepsSession,
		"ChangedPasswordIsToldToTheClientsOfTheRest":      testChangeIsTold,
		"ChangeDoesNotEndWhatComesWithIt":                 testChangeWithSession,
		"ChangeInASessionThatItEndsIsWhole":               testChangeEndsItsSession,
		"ChangeIsMadeOnceByTheSameWrite":                  testChangeAgain,
		"ChangeOfAUserWhoIsGoneIsNotFound":                testChangeOfNobody,
		"ChangeThatIsRefusedChangesNothing":               testRefusedChange,
		"ChangeWithoutVerifiedIsOfADisabledUserToo":       testChangeOfDisabledUser,
		"IdentifiersAreReplaced":                          testChangedIdentifiers,
		"IdentifierOfAnotherUserIsAConflict":              testChangedIdentifierConflict,
		"ParallelChangesToOneIdentifier":                  testParallelIdentifiers,
		"ParallelVerifiedChangesOfThePasswordAreOne":      testParallelChanges,
		"NothingOutlivesAPersonsOwnChangeOfThePassword":   testOwnChangeRace,
		"PreferencesAndDeletionAreKeptByTheOperatorsSave": testSaveKeepsPreferences,
		"DeletionEndsSessionsAndGrants":                   testDeletion,
		"DeletionCanBeTakenBack":                          testDeletionTakenBack,
		"UserIsDeletedWhenItIsTime":                       testDeletionIsDue,
		"ChangeEndsTheOwnSessionsThatItNames":             testChangeEndsSessions,
		"ChangeIsOfWhatWasRead":                           testChangeIsOfWhatWasRead,
		"NotAllWaysInGoAtOnce":                            testNotAllWaysInGoAtOnce,
		"SessionGetsOneTokenAtATime":                      testOneTokenAtATime,
	}
}

func testChangeFields(t *testing.T, s *suite) {
	session, g, password := s.session(t), s.newGrant(), "$argon2id$new"
	s.apply(t, storage.Write{Grant: g})
	want := s.user
	for _, step := range []struct {
		change storage.UserChange
		want   func(*storage.User)
	}{
		{storage.UserChange{}, func(*storage.User) {}},
		{storage.UserChange{Preferences: &storage.Preferences{Theme: "dark", NoPasskeyOffer: true}}, func(u *storage.User) {
			u.Preferences = storage.Preferences{Theme: "dark", NoPasskeyOffer: true}
		}},
		{storage.UserChange{Claims: &storage.Claims{Name: "Renamed"}}, func(u *storage.User) {
			u.Claims, u.UpdatedAt = storage.Claims{Name: "Renamed"}, now
		}},
		{storage.UserChange{Identifiers: []string{"renamed"}}, func(u *storage.User) {
			u.Identifiers = []string{"renamed"}
		}},
	} {
		s.change(t, step.change)
		step.want(&want)
		equal(t, s.signedIn(t, session.Hash), storage.SignedIn{Session: *session, User: want})
		equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{Grant: g, User: &want})
	}
	for _, hash := range []string{password, ""} {
		s.change(t, storage.UserChange{PasswordHash: &hash})
		want.PasswordHash = hash
		got, err := s.FindUser(t.Context(), s.user.ID)
		ok(t, err)
		equal(t, got, want)
	}
}

// OpenID Connect Core §5.1: updated_at is of what clients are told.
func testUpdatedAt(t *testing.T, s *suite) {
	totp, later := newTOTP(s.user.ID), now.Add(time.Hour)
	password, at := "$argon2id$new", s.user.UpdatedAt
	for i, c := range []storage.UserChange{
		{Preferences: &storage.Preferences{Theme: "dark"}},
		{SetTOTP: &totp, RecoveryCodes: recoveryCodes("a")},
		{DeletesAt: &later},
		{DeletesAt: &time.Time{}},
		{Claims: &storage.Claims{}},
		{Identifiers: []string{"renamed"}},
		{PasswordHash: &password},
	} {
		c.UserID = s.user.ID
		w := storage.Write{Change: &c, Now: now.Add(time.Duration(i) * time.Second)}
		s.apply(t, w)
		if i >= 4 {
			at = w.Now
		}
		got, err := s.FindUser(t.Context(), s.user.ID)
		ok(t, err)
		equal(t, got.UpdatedAt, at)
	}
}

func testChangeKeepsSession(t *testing.T, s *suite) {
	kept, other, g, password := s.session(t), s.session(t), s.newGrant(), "$argon2id$new"
	g.SessionID = kept.ID
	s.apply(t, storage.Write{Grant: g})
	foreign := newSession(s.newUser(t, "other").ID)
	s.apply(t, storage.Write{Session: foreign})
	s.apply(t, storage.Write{Verified: s.verifiedIn(kept), Change: &storage.UserChange{
		UserID: s.user.ID, PasswordHash: &password, KeepSession: kept.ID,
	}})
	s.isSignedIn(t, kept, true)
	s.isSignedIn(t, other, false)
	s.isSignedIn(t, foreign, true)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant.RevokedAt, now)
}

func testChangeIsTold(t *testing.T, s *suite) {
	password, kept := "$argon2id$new", s.session(t)
	s.joined(t)
	front := s.logoutClient(t, "also", true, false)
	s.join(t, kept, front, "sid of kept")
	s.change(t, storage.UserChange{PasswordHash: &password, KeepSession: kept.ID})
	s.leaves(t)
}

// A session that is proven anew in the same write is kept by its id.
func testChangeWithSession(t *testing.T, s *suite) {
	for range 2 {
		kept, anew, g := s.session(t), newSession(s.user.ID), s.newGrant()
		proven := *kept
		proven.Hash = storage.HashOf(kept.ID)
		for _, session := range []*storage.Session{&proven, anew} {
			password := "$argon2id$" + session.ID
			w := storage.Write{
				Verified: s.verified(), Session: session, Grant: g, Code: newCode(g),
				Change: &storage.UserChange{UserID: s.user.ID, PasswordHash: &password, KeepSession: kept.ID},
			}
			s.apply(t, w)
			s.user.PasswordHash = password
			s.isSignedIn(t, session, true)
		}
		s.isSignedIn(t, kept, false) // under its old hash
		s.isSignedIn(t, &proven, true)
	}
}

// What a change ends is what its guard has found.
func testChangeEndsItsSession(t *testing.T, s *suite) {
	later, password := now.Add(time.Hour), "$argon2id$new"
	for i, c := range []storage.UserChange{{PasswordHash: &password}, {DeletesAt: &later}} {
		c.UserID = s.user.ID
		session := s.session(t)
		w := write(storage.Write{
			Verified: s.verifiedIn(session), Change: &c,
			Activity: []storage.Activity{newActivity(s.user.ID)}, Mails: []storage.Mail{newMail()},
		})
		ok(t, s.Apply(t.Context(), w))
		ok(t, s.Apply(t.Context(), w)) // again
		s.isSignedIn(t, session, false)
		equal(t, len(s.activity(t)), i+1)
		s.user.PasswordHash = password
	}
	mails, _ := s.mails(t, now)
	equal(t, len(mails), 2)
}

// What has happened since stays as it is.
func testChangeAgain(t *testing.T, s *suite) {
	s.enrol(t)
	empty := ""
	w := write(storage.Write{
		Verified: s.verified(), Activity: []storage.Activity{newActivity(s.user.ID)},
		Change: &storage.UserChange{
			UserID: s.user.ID, PasswordHash: &empty, Identifiers: []string{"renamed"}, RemoveTOTP: true,
			RecoveryCodes: recoveryCodes("anew"),
		},
	})
	ok(t, s.Apply(t.Context(), w))
	session, g, l := s.session(t), s.newGrant(), s.link(t, s.user.ID)
	s.user.PasswordHash = ""
	recovers := s.recovers("anew")
	recovers.Grant = g
	ok(t, s.Apply(t.Context(), recovers))
	ok(t, s.Apply(t.Context(), w))
	s.isSignedIn(t, session, true)
	equal(t, s.waits(t, l), true)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant, g)
	equal(t, len(s.activity(t)), 1)
	got, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got.RecoveryCodes, 0)

	w.Key = "another"
	fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
}

func testChangeOfNobody(t *testing.T, s *suite) {
	session := newSession(s.user.ID)
	fails(t, s.Apply(t.Context(), write(storage.Write{
		Change: &storage.UserChange{UserID: "nobody", Claims: &storage.Claims{}}, Session: session,
	})), storage.ErrNotFound)
	s.isSignedIn(t, session, false)
}

func testRefusedChange(t *testing.T, s *suite) {
	want, session, l := s.enrol(t), s.session(t), s.link(t, s.user.ID)
	password, later := "$argon2id$new", now.Add(time.Hour)
	passkey, totp := newPasskey(s.user.ID), newTOTP(s.user.ID)
	totp.LastStep++
	w := storage.Write{
		Change: &storage.UserChange{
			UserID: s.user.ID, PasswordHash: &password, Identifiers: []string{"renamed"}, Claims: &storage.Claims{},
			Preferences: &storage.Preferences{Theme: "dark"}, DeletesAt: &later, SetTOTP: &totp,
			AddPasskey: &passkey, RemovePasskey: want.Passkeys[0].ID, RecoveryCodes: recoveryCodes(),
		},
		Session: newSession(s.user.ID), Activity: []storage.Activity{newActivity(s.user.ID)},
		Mails: []storage.Mail{newMail()}, Links: []storage.Link{newLink(s.user.ID)},
	}
	ended := s.session(t)
	s.end(t, ended)
	for _, v := range []*storage.Verified{{UserID: s.user.ID, PasswordHash: "another"}, s.verifiedIn(ended)} {
		w.Verified = v
		fails(t, s.Apply(t.Context(), write(w)), storage.ErrSpent)
	}
	w.Verified, w.UseTOTP = s.verified(), &storage.TOTPUse{UserID: s.user.ID, Step: 1}
	fails(t, s.Apply(t.Context(), write(w)), storage.ErrSpent)
	s.untouched(t, w)
	s.has(t, want)
	s.isSignedIn(t, session, true)
	equal(t, []bool{s.waits(t, l), s.waits(t, w.Links[0])}, []bool{true, false})
	_, err := s.FindUserByIdentifier(t.Context(), "renamed")
	fails(t, err, storage.ErrNotFound)
}

func testChangeOfDisabledUser(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.user.DisabledAt = now
	ok(t, s.SaveUser(t.Context(), s.user))
	c := &storage.UserChange{UserID: s.user.ID, RemoveTOTP: true}
	fails(t, s.Apply(t.Context(), write(storage.Write{Verified: s.verified(), Change: c})), storage.ErrSpent)
	s.has(t, want)
	s.apply(t, storage.Write{Change: c})
	want.TOTP = nil
	s.has(t, want)
}

func testChangedIdentifiers(t *testing.T, s *suite) {
	s.change(t, storage.UserChange{Identifiers: []string{"user", "new@example.com", "user"}})
	for identifier, want := range map[string]error{
		"user": nil, "new@example.com": nil, "user@example.com": storage.ErrNotFound,
	} {
		_, err := s.FindUserByIdentifier(t.Context(), identifier)
		fails(t, err, want)
	}
	other := newUser("other")
	other.Identifiers = []string{"user@example.com"} // which is free
	ok(t, s.SaveUser(t.Context(), other))
}

func testChangedIdentifierConflict(t *testing.T, s *suite) {
	s.newUser(t, "other")
	w := write(storage.Write{
		Session: newSession(s.user.ID),
		Change: &storage.UserChange{
			UserID: s.user.ID, Identifiers: []string{"new", "other"}, Claims: &storage.Claims{},
		},
	})
	fails(t, s.Apply(t.Context(), w), storage.ErrConflict)
	s.untouched(t, w)
	for identifier, want := range map[string]error{"user": nil, "new": storage.ErrNotFound} {
		_, err := s.FindUserByIdentifier(t.Context(), identifier)
		fails(t, err, want)
	}
}

func testParallelIdentifiers(t *testing.T, s *suite) {
	users := make([]storage.User, 16)
	for i := range users {
		users[i] = s.newUser(t, "user "+string(rune('a'+i)))
	}
	won := race(t, len(users), storage.ErrConflict, func(i int) error {
		return s.Apply(t.Context(), write(storage.Write{Change: &storage.UserChange{
			UserID: users[i].ID, Identifiers: []string{"wanted@example.com", users[i].ID},
		}}))
	})
	equal(t, won, 1)
}

func testParallelChanges(t *testing.T, s *suite) {
	session := s.session(t)
	won := race(t, 32, storage.ErrSpent, func(i int) error {
		password := "$argon2id$" + string(rune('a'+i))
		return s.Apply(t.Context(), write(storage.Write{
			Verified: s.verifiedIn(session), Activity: []storage.Activity{newActivity(s.user.ID)},
			Change: &storage.UserChange{UserID: s.user.ID, PasswordHash: &password, KeepSession: session.ID},
		}))
	})
	equal(t, won, 1)
	equal(t, len(s.activity(t)), 1)
	s.isSignedIn(t, session, true)
}

func testOwnChangeRace(t *testing.T, s *suite) {
	session, password := s.session(t), "$argon2id$new"
	sessions, grants := make([]*storage.Session, 16), make([]*storage.Grant, 16)
	race(t, len(sessions)+1, storage.ErrSpent, func(i int) error {
		if i == len(sessions) {
			return s.Apply(t.Context(), write(storage.Write{
				Verified: s.verifiedIn(session),
				Change:   &storage.UserChange{UserID: s.user.ID, PasswordHash: &password, KeepSession: session.ID},
			}))
		}
		sessions[i], grants[i] = newSession(s.user.ID), s.newGrant()
		w := write(storage.Write{Verified: s.verified(), Session: sessions[i], Grant: grants[i]})
		if i%2 == 0 {
			w.Verified = s.verifiedIn(session)
		}
		return s.Apply(t.Context(), w)
	})
	s.isSignedIn(t, session, true)
	for i := range sessions {
		s.isSignedIn(t, sessions[i], false)
		if g := s.read(t, storage.Wanted{GrantID: grants[i].ID}).Grant; g != nil && g.RevokedAt.IsZero() {
			t.Error("a grant lives on")
		}
	}
}

func testSaveKeepsPreferences(t *testing.T, s *suite) {
	later := now.Add(time.Hour)
	s.change(t, storage.UserChange{Preferences: &storage.Preferences{Theme: "light"}, DeletesAt: &later})
	ok(t, s.SaveUser(t.Context(), s.user))
	s.user.Preferences, s.user.DeletesAt = storage.Preferences{Theme: "light"}, later
	got, err := s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, s.user)
}

// deletes makes the suite's user go at the time.
func (s *suite) deletes(t *testing.T, at time.Time) {
	t.Helper()
	s.change(t, storage.UserChange{DeletesAt: &at})
}

func testDeletion(t *testing.T, s *suite) {
	session, g := s.joined(t), s.newGrant()
	s.apply(t, storage.Write{Grant: g})
	later := now.Add(time.Hour)
	s.change(t, storage.UserChange{DeletesAt: &later, KeepSession: session.ID})
	s.isSignedIn(t, session, false)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant.RevokedAt, now)
	s.leaves(t)
}

func testDeletionTakenBack(t *testing.T, s *suite) {
	s.deletes(t, now.Add(time.Hour))
	session := s.session(t)
	s.deletes(t, time.Time{})
	s.isSignedIn(t, session, true)
	s.cleanUp(t, now.Add(2*time.Hour), 10)
	got, err := s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, s.user)
}

func testDeletionIsDue(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	s.enrol(t)
	s.link(t, s.user.ID)
	s.deletes(t, now.Add(time.Minute))
	equal(t, s.cleanUp(t, now.Add(time.Minute-time.Microsecond), 10), 0)
	equal(t, s.cleanUp(t, now.Add(time.Minute), 1), 1)
	_, err := s.FindUser(t.Context(), s.user.ID)
	fails(t, err, storage.ErrNotFound)
	_, err = s.FindUserByIdentifier(t.Context(), "user")
	fails(t, err, storage.ErrNotFound)
	_, err = s.FindUser(t.Context(), other.ID)
	ok(t, err)
}
