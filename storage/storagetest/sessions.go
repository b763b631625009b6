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
		"SessionIsReplaced":                            testSessionIsReplaced,
		"EndSessionKeepsOfflineAccess":                 testEndSession,
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
		ClientID: s.client.ID, Session: session.Hash, ConsentFor: s.client.ID,
	})
	equal(t, got, storage.State{
		Client: &s.client, Session: session, User: &s.user, Consent: []string{"email", "openid"},
	})
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
	equal(t, s.read(t, storage.Wanted{Session: session.Hash}), storage.State{})
}

func testSessionExpiry(t *testing.T, s *suite) {
	session := s.session(t)
	want := storage.Wanted{Session: session.Hash, Now: session.ExpiresAt}
	equal(t, s.read(t, want), storage.State{})
	want.Now = session.ExpiresAt.Add(-time.Microsecond)
	equal(t, s.read(t, want).Session, session)
}

// Without a time every session would look alive.
func testSessionWithoutTime(t *testing.T, s *suite) {
	if _, err := s.Read(t.Context(), storage.Wanted{Session: s.session(t).Hash}); err == nil {
		t.Fatal("got no error")
	}
}

func testSessionIsReplaced(t *testing.T, s *suite) {
	old, g := s.session(t), s.newGrant()
	g.SessionID, g.Scopes = old.ID, []string{"openid"}
	s.apply(t, storage.Write{Grant: g})
	next := newSession(s.user.ID)
	s.apply(t, storage.Write{Session: next, EndsSession: old.Hash})
	equal(t, s.read(t, storage.Wanted{Session: old.Hash}), storage.State{})
	equal(t, s.read(t, storage.Wanted{Session: next.Hash}).Session, next)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}).Grant, g)
}

// OpenID Connect Back-Channel Logout §2.7: refresh tokens without
// offline_access are revoked, those with it normally are not.
func testEndSession(t *testing.T, s *suite) {
	session := s.session(t)
	online, offline, elsewhere := s.newGrant(), s.newGrant(), s.newGrant()
	online.SessionID, online.Scopes = session.ID, []string{"openid"}
	offline.SessionID = session.ID
	elsewhere.Scopes = []string{"openid"}
	for _, g := range []*storage.Grant{online, offline, elsewhere} {
		s.apply(t, storage.Write{Grant: g})
	}
	ok(t, s.EndSession(t.Context(), session.Hash, now))
	equal(t, s.read(t, storage.Wanted{Session: session.Hash}), storage.State{})
	equal(t, s.read(t, storage.Wanted{GrantID: online.ID}).Grant.RevokedAt, now)
	equal(t, s.read(t, storage.Wanted{GrantID: offline.ID}).Grant, offline)
	equal(t, s.read(t, storage.Wanted{GrantID: elsewhere.ID}).Grant, elsewhere)
}

// signedIn saves the user changed, and tells whether session and grant live.
func (s *suite) signedIn(t *testing.T, change func(*storage.User)) (session, grant bool) {
	t.Helper()
	live, g := s.session(t), s.newGrant()
	s.apply(t, storage.Write{Grant: g})
	u := s.user
	u.UpdatedAt = now
	change(&u)
	ok(t, s.SaveUser(t.Context(), u))
	session = s.read(t, storage.Wanted{Session: live.Hash}).Session != nil
	grant = s.read(t, storage.Wanted{GrantID: g.ID}).Grant.RevokedAt.IsZero()
	return session, grant
}

func testChangedPassword(t *testing.T, s *suite) {
	session, grant := s.signedIn(t, func(u *storage.User) { u.PasswordHash = "$argon2id$new" })
	equal(t, []bool{session, grant}, []bool{false, false})
}

func testDisabledUser(t *testing.T, s *suite) {
	session, grant := s.signedIn(t, func(u *storage.User) { u.DisabledAt = now })
	equal(t, []bool{session, grant}, []bool{false, false})
}

// Enabled again, the person has to sign in again.
func testEnabledUser(t *testing.T, s *suite) {
	session := s.session(t)
	for _, disabledAt := range []time.Time{now, {}} {
		s.user.DisabledAt = disabledAt
		ok(t, s.SaveUser(t.Context(), s.user))
	}
	equal(t, s.read(t, storage.Wanted{Session: session.Hash}), storage.State{})
}

func testChangedClaims(t *testing.T, s *suite) {
	session, grant := s.signedIn(t, func(u *storage.User) { u.Claims.Nickname = "Z" })
	equal(t, []bool{session, grant}, []bool{true, true})
}

func (s *suite) verified() *storage.Verified {
	return &storage.Verified{UserID: s.user.ID, PasswordHash: s.user.PasswordHash}
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
		equal(t, s.read(t, storage.Wanted{Session: session.Hash}), storage.State{})
		equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
		equal(t, s.read(t, storage.Wanted{Code: w.Code.Hash}), storage.State{})
		s.apply(t, withAssertion) // which has burnt nothing
		equal(t, s.read(t, storage.Wanted{Session: session.Hash}).Session, session)
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
		if s.read(t, storage.Wanted{Session: sessions[i].Hash}).Session != nil {
			t.Error("a session lives on")
		}
		if g := s.read(t, storage.Wanted{GrantID: grants[i].ID}).Grant; g != nil && g.RevokedAt.IsZero() {
			t.Error("a grant lives on")
		}
	}
}

func testReplacedHash(t *testing.T, s *suite) {
	session, ctx := s.session(t), t.Context()
	ok(t, s.ReplacePasswordHash(ctx, s.user.ID, s.user.PasswordHash, "$argon2id$stronger"))
	ok(t, s.ReplacePasswordHash(ctx, s.user.ID, s.user.PasswordHash, "$argon2id$too late"))
	got := s.read(t, storage.Wanted{Session: session.Hash})
	equal(t, got.Session, session)
	equal(t, got.User.PasswordHash, "$argon2id$stronger")
}

func testConsentAdds(t *testing.T, s *suite) {
	session := s.session(t)
	s.apply(t, storage.Write{Consent: s.consent("openid", "email", "email")})
	s.apply(t, storage.Write{Consent: s.consent("profile", "email")})
	got := s.read(t, storage.Wanted{Session: session.Hash, ConsentFor: s.client.ID})
	equal(t, got.Consent, []string{"email", "openid", "profile"})
	got = s.read(t, storage.Wanted{Session: session.Hash, ConsentFor: "other"})
	equal(t, got.Consent, []string(nil))
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
	ok(t, s.DeleteUser(t.Context(), s.user.ID))
	g := s.newGrant()
	fails(t, s.Apply(t.Context(), write(storage.Write{Grant: g, Code: newCode(g)})), storage.ErrNotFound)
}

func testRevokeNothing(t *testing.T, s *suite) {
	ok(t, s.RevokeGrant(t.Context(), "unknown", now))
	ok(t, s.RevokeAccessToken(t.Context(), storage.HashOf("unknown"), now))
	ok(t, s.EndSession(t.Context(), storage.HashOf("unknown"), now))
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
