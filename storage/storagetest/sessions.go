package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func sessions() tests {
	return tests{
		"SessionIsReadWithUserAndConsent":              testSessionIsRead,
		"SessionOfADisabledUserIsNotRead":              testSessionOfDisabledUser,
		"SessionExpiresByTheClockOfTheCaller":          testSessionExpiry,
		"SessionIsNotReadWithoutATime":                 testSessionWithoutTime,
		"SessionIsProvenAnew":                          testSessionIsProvenAnew,
		"SessionThatHasEndedIsNotProvenAnew":           testEndedSessionIsNotProven,
		"SessionsAreReadInTheOrderWanted":              testSessionsInOrder,
		"ChangedPasswordEndsSessionsAndGrants":         testChangedPassword,
		"DisabledUserHasNoSessionsOrGrants":            testDisabledUser,
		"EnabledUserHasToSignInAgain":                  testEnabledUser,
		"NothingForAUserWhoIsNotAsVerified":            testNotAsVerified,
		"NothingOutlivesAChangeOfThePassword":          testChangedPasswordRace,
		"ChangedClaimsKeepSessionsAndGrants":           testChangedClaims,
		"ReplacedPasswordHashKeepsSessions":            testReplacedHash,
		"ConsentAddsScopes":                            testConsentAdds,
		"RevokedTokenIsRead":                           testRevokedToken,
		"RevokedAccessTokenIsRead":                     testRevokedAccessToken,
		"RevocationKeepsTheTimeOfTheFirst":             testRevokeTwice,
		"GrantOfAClientHasNoUser":                      testGrantOfClient,
		"GrantIsReadByItsIdentity":                     testGrantByID,
		"WriteForADeletedUserIsNotFound":               testWriteForDeletedUser,
		"RevocationOfWhatNeverWasIsNoError":            testRevokeNothing,
		"ApplyWithoutGuardsWithTheSameKeyIsIdempotent": testApplyAgain,
	}
}

func (s *suite) session(t *testing.T) *storage.Session {
	t.Helper()
	session := newSession(s.user.ID)
	s.apply(t, storage.Write{Session: session})
	return session
}

func testSessionIsRead(t *testing.T, s *suite) {
	session := newSession(s.user.ID)
	s.apply(t, storage.Write{Session: session, Consent: s.consent("openid", "email")})
	got := s.read(t, storage.Wanted{
		ClientID: s.client.ID, Sessions: []storage.Hash{session.Hash}, ConsentFor: s.client.ID,
	})
	equal(t, got, storage.State{Client: &s.client, Sessions: []storage.SignedIn{
		{Session: *session, User: s.user, Consent: []string{"email", "openid"}},
	}})
}

// signedIn reads the session, zero if it is not there, for the client.
func (s *suite) signedIn(t *testing.T, session storage.Hash) storage.SignedIn {
	t.Helper()
	return s.signedInAt(t, session, now)
}

func (s *suite) signedInAt(t *testing.T, session storage.Hash, at time.Time) storage.SignedIn {
	t.Helper()
	found := s.read(t, storage.Wanted{
		Sessions: []storage.Hash{session}, ConsentFor: s.client.ID, Now: at,
	}).Sessions
	if len(found) == 0 {
		return storage.SignedIn{}
	}
	return found[0]
}

func (s *suite) isSignedIn(t *testing.T, session *storage.Session, want bool) {
	t.Helper()
	equal(t, s.signedIn(t, session.Hash).Session.ID == session.ID, want)
}

// Each of the people in a browser, the one who used it last first.
func testSessionsInOrder(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	first, second, ended := s.session(t), newSession(other.ID), s.session(t)
	s.apply(t, storage.Write{Session: second, Consent: &storage.Consent{
		UserID: other.ID, ClientID: s.client.ID, Scopes: []string{"email"}, GrantedAt: now,
	}})
	s.join(t, first, s.client, "sid of first")
	s.end(t, ended)
	want := map[*storage.Session]storage.SignedIn{
		first:  {Session: *first, User: s.user, SID: "sid of first"},
		second: {Session: *second, User: other, Consent: []string{"email"}},
	}
	for _, order := range [][]*storage.Session{{first, ended, second}, {second, first, ended}} {
		wanted := storage.Wanted{ConsentFor: s.client.ID}
		var sessions []storage.SignedIn
		for _, session := range order {
			wanted.Sessions = append(wanted.Sessions, session.Hash)
			if in, lives := want[session]; lives {
				sessions = append(sessions, in)
			}
		}
		equal(t, s.read(t, wanted), storage.State{Sessions: sessions})
	}
}

func (s *suite) consent(scopes ...string) *storage.Consent {
	return &storage.Consent{
		UserID: s.user.ID, ClientID: s.client.ID, Scopes: scopes, GrantedAt: now,
	}
}

func testSessionOfDisabledUser(t *testing.T, s *suite) {
	disabled := newUser("disabled")
	disabled.DisabledAt = now
	ok(t, s.SaveUser(t.Context(), disabled))
	session := newSession(disabled.ID)
	s.apply(t, storage.Write{Session: session})
	s.isSignedIn(t, session, false)
}

func testSessionExpiry(t *testing.T, s *suite) {
	session := s.session(t)
	equal(t, s.signedInAt(t, session.Hash, session.ExpiresAt), storage.SignedIn{})
	equal(t, s.signedInAt(t, session.Hash, session.ExpiresAt.Add(-time.Microsecond)).Session, *session)
}

// Without a time every session would look alive.
func testSessionWithoutTime(t *testing.T, s *suite) {
	if _, err := s.Read(t.Context(), storage.Wanted{Sessions: []storage.Hash{s.session(t).Hash}}); err == nil {
		t.Fatal("got no error")
	}
}

// It is the same person: what was given in the session lives on.
func testSessionIsProvenAnew(t *testing.T, s *suite) {
	old, g := s.session(t), s.newGrant()
	g.SessionID, g.Scopes = old.ID, []string{"openid"}
	s.apply(t, storage.Write{Grant: g})
	s.join(t, old, s.client, "sid")

	anew := *old
	anew.Hash, anew.AMR = storage.HashOf("anew"), []string{"pwd", "otp"}
	anew.AuthTime, anew.ExpiresAt = now.Add(time.Minute), now.Add(2*time.Hour)
	for _, v := range []*storage.Verified{nil, s.verified(), s.verifiedIn(old)} {
		s.apply(t, storage.Write{Verified: v, Session: &anew})
		s.isSignedIn(t, old, false)
		equal(t, s.signedIn(t, anew.Hash), storage.SignedIn{Session: anew, User: s.user, SID: "sid"})
	}
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant, g)

	// The older proof, sent again, does not undo the newer one.
	s.apply(t, storage.Write{Verified: s.verified(), Session: old})
	equal(t, s.signedIn(t, anew.Hash).Session, anew)
}

func testEndedSessionIsNotProven(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	ended, others := s.session(t), newSession(other.ID)
	s.apply(t, storage.Write{Session: others})
	s.end(t, ended)
	others.UserID = s.user.ID // somebody else's, as if it were the user's
	for _, session := range []*storage.Session{ended, others} {
		for _, v := range []*storage.Verified{nil, s.verified(), s.verifiedIn(session)} {
			if v != nil && v.SessionID == others.ID {
				continue
			}
			anew, g := *session, s.newGrant()
			anew.Hash = storage.HashOf("anew")
			w := write(storage.Write{Verified: v, Session: &anew, Grant: g, Consent: s.consent("openid")})
			fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
			s.isSignedIn(t, &anew, false)
			equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
			w.Assertion = newAssertion(s.client.ID, "jti")
			fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
		}
	}
	s.apply(t, storage.Write{Assertion: newAssertion(s.client.ID, "jti")}) // which has not been burnt
}

// afterSaving saves the user changed, and tells whether session and grant live.
func (s *suite) afterSaving(t *testing.T, change func(*storage.User)) (session, grant bool) {
	t.Helper()
	live, g := s.session(t), s.newGrant()
	s.apply(t, storage.Write{Grant: g})
	u := s.user
	u.UpdatedAt = now
	change(&u)
	ok(t, s.SaveUser(t.Context(), u))
	session = s.signedIn(t, live.Hash).Session.ID == live.ID
	grant = s.read(t, storage.Wanted{GrantID: g.ID}).Grant.RevokedAt.IsZero()
	return session, grant
}

func testChangedPassword(t *testing.T, s *suite) {
	session, grant := s.afterSaving(t, func(u *storage.User) { u.PasswordHash = "$argon2id$new" })
	equal(t, []bool{session, grant}, []bool{false, false})
}

func testDisabledUser(t *testing.T, s *suite) {
	session, grant := s.afterSaving(t, func(u *storage.User) { u.DisabledAt = now })
	equal(t, []bool{session, grant}, []bool{false, false})
}

// Enabled again, the person has to sign in again.
func testEnabledUser(t *testing.T, s *suite) {
	session := s.session(t)
	for _, disabledAt := range []time.Time{now, {}} {
		s.user.DisabledAt = disabledAt
		ok(t, s.SaveUser(t.Context(), s.user))
	}
	s.isSignedIn(t, session, false)
}

func testChangedClaims(t *testing.T, s *suite) {
	session, grant := s.afterSaving(t, func(u *storage.User) { u.Claims.Nickname = "Z" })
	equal(t, []bool{session, grant}, []bool{true, true})
}

func (s *suite) verified() *storage.Verified {
	return &storage.Verified{UserID: s.user.ID, PasswordHash: s.user.PasswordHash}
}

func (s *suite) verifiedIn(session *storage.Session) *storage.Verified {
	v := s.verified()
	v.SessionID = session.ID
	return v
}

// A sign-in with the old password can be under way when it is changed.
func testNotAsVerified(t *testing.T, s *suite) {
	for name, change := range map[string]func(*storage.User){
		"another password": func(u *storage.User) { u.PasswordHash = "$argon2id$new" },
		"disabled":         func(u *storage.User) { u.DisabledAt = now },
	} {
		session, g := newSession(s.user.ID), s.newGrant()
		assertion := &storage.Assertion{ClientID: s.client.ID, JTI: storage.HashOf(name), ExpiresAt: now.Add(time.Minute)}
		w := storage.Write{Verified: s.verified(), Session: session, Grant: g, Code: newCode(g), Consent: s.consent("openid")}
		withAssertion := w
		withAssertion.Assertion = assertion

		u := s.user
		change(&u)
		ok(t, s.SaveUser(t.Context(), u))
		fails(t, s.Apply(t.Context(), write(w)), storage.ErrSpent)
		fails(t, s.Apply(t.Context(), write(withAssertion)), storage.ErrSpent)

		ok(t, s.SaveUser(t.Context(), s.user)) // as it was
		s.isSignedIn(t, session, false)
		equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
		equal(t, s.read(t, storage.Wanted{Code: w.Code.Hash}), storage.State{})
		s.apply(t, withAssertion) // which has burnt nothing
		s.isSignedIn(t, session, true)
		fails(t, s.Apply(t.Context(), write(withAssertion)), storage.ErrReplayed)
	}
}

func testChangedPasswordRace(t *testing.T, s *suite) {
	changed := s.user
	changed.PasswordHash = "$argon2id$new"
	sessions, grants := make([]*storage.Session, 16), make([]*storage.Grant, 16)
	race(t, len(sessions)+1, storage.ErrSpent, func(i int) error {
		if i == len(sessions) {
			return s.SaveUser(t.Context(), changed)
		}
		sessions[i], grants[i] = newSession(s.user.ID), s.newGrant()
		return s.Apply(t.Context(), write(storage.Write{
			Verified: s.verified(), Session: sessions[i], Grant: grants[i],
		}))
	})
	for i := range sessions {
		s.isSignedIn(t, sessions[i], false)
		if g := s.read(t, storage.Wanted{GrantID: grants[i].ID}).Grant; g != nil && g.RevokedAt.IsZero() {
			t.Error("a grant lives on")
		}
	}
}

func testReplacedHash(t *testing.T, s *suite) {
	session, ctx := s.session(t), t.Context()
	ok(t, s.ReplacePasswordHash(ctx, s.user.ID, s.user.PasswordHash, "$argon2id$stronger"))
	ok(t, s.ReplacePasswordHash(ctx, s.user.ID, s.user.PasswordHash, "$argon2id$too late"))
	got := s.signedIn(t, session.Hash)
	equal(t, got.Session, *session)
	equal(t, got.User.PasswordHash, "$argon2id$stronger")
}

func testConsentAdds(t *testing.T, s *suite) {
	session := s.session(t)
	s.apply(t, storage.Write{Consent: s.consent("openid", "email", "email")})
	s.apply(t, storage.Write{Consent: s.consent("profile", "email")})
	equal(t, s.signedIn(t, session.Hash).Consent, []string{"email", "openid", "profile"})
	s.client.ID = "other"
	equal(t, s.signedIn(t, session.Hash).Consent, []string(nil))
}

func testRevokedToken(t *testing.T, s *suite) {
	g := s.newGrant()
	s.apply(t, storage.Write{Grant: g})
	want := storage.Wanted{GrantID: g.ID, JTI: "jti"}
	equal(t, s.read(t, want), storage.State{Grant: g, User: &s.user})
	ok(t, s.RevokeToken(t.Context(), "jti", now.Add(time.Minute)))
	ok(t, s.RevokeToken(t.Context(), "jti", now.Add(time.Minute)))
	equal(t, s.read(t, want), storage.State{Grant: g, User: &s.user, Revoked: true})
}

func testRevokedAccessToken(t *testing.T, s *suite) {
	g := s.newGrant()
	a := newAccess(g)
	s.apply(t, storage.Write{Grant: g, Access: a})
	want := storage.Wanted{Access: a.Hash}
	equal(t, s.read(t, want), storage.State{Access: a, Grant: g, User: &s.user})
	ok(t, s.RevokeAccessToken(t.Context(), a.Hash, now))
	a.RevokedAt = now
	equal(t, s.read(t, want), storage.State{Access: a, Grant: g, User: &s.user})
}

func testRevokeTwice(t *testing.T, s *suite) {
	g, _ := s.refresh(t)
	ok(t, s.RevokeGrant(t.Context(), g.ID, now))
	ok(t, s.RevokeGrant(t.Context(), g.ID, now.Add(time.Hour)))
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant.RevokedAt, now)
}

func testGrantOfClient(t *testing.T, s *suite) {
	g := &storage.Grant{
		ID: "grant", ClientID: s.client.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	s.apply(t, storage.Write{Grant: g})
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{Grant: g})
}

// What is revoked, expired or of a disabled user is returned, marked as such.
func testGrantByID(t *testing.T, s *suite) {
	g := s.newGrant()
	g.ExpiresAt = now.Add(-time.Hour)
	s.apply(t, storage.Write{Grant: g})
	s.user.DisabledAt, s.user.UpdatedAt = now, now
	ok(t, s.SaveUser(t.Context(), s.user))
	g.RevokedAt = now
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{Grant: g, User: &s.user})
	equal(t, s.read(t, storage.Wanted{GrantID: "unknown"}), storage.State{})
}

func testWriteForDeletedUser(t *testing.T, s *suite) {
	ok(t, s.DeleteUser(t.Context(), s.user.ID, now))
	g := s.newGrant()
	fails(t, s.Apply(t.Context(), write(storage.Write{Grant: g, Code: newCode(g)})), storage.ErrNotFound)
}

func testRevokeNothing(t *testing.T, s *suite) {
	ok(t, s.RevokeGrant(t.Context(), "unknown", now))
	ok(t, s.RevokeAccessToken(t.Context(), storage.HashOf("unknown"), now))
	s.end(t, &storage.Session{ID: "unknown"})
}

func testApplyAgain(t *testing.T, s *suite) {
	g, session := s.newGrant(), newSession(s.user.ID)
	w := write(storage.Write{
		Grant: g, Code: newCode(g), Session: session, Consent: s.consent("openid"),
	})
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
	equal(t, s.read(t, storage.Wanted{Code: w.Code.Hash}).Code, w.Code)
}
