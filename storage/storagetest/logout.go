package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func logout() tests {
	return tests{
		"EndOfASessionKeepsOfflineAccess":             testEndKeepsOfflineAccess,
		"EndOfASessionIsToldToItsClients":             testEndIsTold,
		"EndOfASessionIsToldOnce":                     testEndIsToldOnce,
		"ParallelEndsOfASessionAreToldOnce":           testParallelEnds,
		"NothingInASessionThatHasEnded":               testNothingInEndedSession,
		"NothingOutlivesTheEndOfItsSession":           testEndOfSessionRace,
		"EndOfASessionIsToldToAClientThatJustJoined":  testEndWhileJoining,
		"ParallelProofsOfASessionDoNotDeadlock":       testParallelProofs,
		"ChangedPasswordIsToldToTheClients":           testChangedPasswordIsTold,
		"DisabledUserIsToldToTheClients":              testDisabledUserIsTold,
		"DeletedUserIsToldToTheClients":               testDeletedUserIsTold,
		"SessionClientStaysAsItIs":                    testSessionClientStays,
		"SessionClientIsFoundByItsSID":                testFindSessionClient,
		"ClientsOfSessionsAreListedOnce":              testListSessionClients,
		"SessionClientWithTheSameKeyIsRepeated":       testSessionClientAgain,
		"NoticeIsTakenOnceUntilItsLeaseEnds":          testTakeNotices,
		"ParallelNodesDoNotTakeANoticeTwice":          testParallelTakers,
		"PostponedNoticeCountsItsAttempts":            testPostponeNotice,
		"NoticeThatIsNotThereIsNoError":               testUnknownNotice,
		"NoticeIsGivenUpAfterItsLifetime":             testNoticeLifetime,
		"NoticesOfADeletedClientAreGone":              testNoticesOfDeletedClient,
		"EndOfALongListOfSessionsIsOneWrite":          testEndOfMany,
		"ParallelEndsOfOverlappingSessionsAllSucceed": testOverlappingEnds,
	}
}

// end ends the sessions, and returns whom the browser has to tell.
func (s *suite) end(t *testing.T, sessions ...*storage.Session) []storage.SignedOut {
	t.Helper()
	var ids []string
	for _, session := range sessions {
		ids = append(ids, session.ID)
	}
	out, err := s.EndSessions(t.Context(), ids, now)
	ok(t, err)
	return out
}

// join signs the person in to the client during the session.
func (s *suite) join(t *testing.T, session *storage.Session, c storage.Client, sid string) {
	t.Helper()
	s.apply(t, storage.Write{SessionClient: newSessionClient(session, c, sid)})
}

func newSessionClient(session *storage.Session, c storage.Client, sid string) *storage.SessionClient {
	return &storage.SessionClient{
		SessionID: session.ID, ClientID: c.ID, SID: sid, Subject: "subject at " + c.ID, CreatedAt: now,
	}
}

// logoutClient saves a client that hears of logouts, or not.
func (s *suite) logoutClient(t *testing.T, id string, back, front bool) storage.Client {
	t.Helper()
	c := newClient(id)
	if back {
		c.Metadata.BackchannelLogoutURI = "https://client.example/back"
	}
	if front {
		c.Metadata.FrontchannelLogoutURI = "https://client.example/front"
	}
	ok(t, s.SaveClient(t.Context(), c))
	return c
}

// joined returns a session that a client with a back channel takes part in.
func (s *suite) joined(t *testing.T) *storage.Session {
	t.Helper()
	session := s.session(t)
	s.join(t, session, s.logoutClient(t, "back", true, false), "sid")
	return session
}

// lease is how long the notices are taken for.
const lease = time.Minute

// take takes all notices that are due, by their sids.
func (s *suite) take(t *testing.T, at time.Time, limit int) (map[string]storage.LogoutNotice, time.Time) {
	t.Helper()
	taken, next, err := s.TakeLogoutNotices(t.Context(), at, at.Add(lease), limit)
	ok(t, err)
	bySID := map[string]storage.LogoutNotice{}
	for _, n := range taken {
		bySID[n.SID] = n
	}
	equal(t, len(bySID), len(taken))
	return bySID, next
}

// leaves proves that there is one notice for the client of joined, and returns its
// id.
func (s *suite) leaves(t *testing.T) (id string) {
	t.Helper()
	taken, next := s.take(t, now, 10)
	notice := taken["sid"]
	id, notice.ID = notice.ID, ""
	equal(t, notice, storage.LogoutNotice{
		ClientID: "back", SID: "sid", Subject: "subject at back", CreatedAt: now,
	})
	equal(t, len(taken), 1)
	equal(t, next, time.Time{})
	return id
}

// OpenID Connect Back-Channel Logout §2.7: refresh tokens without
// offline_access are revoked, those with it normally are not.
func testEndKeepsOfflineAccess(t *testing.T, s *suite) {
	session := s.session(t)
	online, offline, elsewhere := s.newGrant(), s.newGrant(), s.newGrant()
	online.SessionID, online.Scopes = session.ID, []string{"openid"}
	offline.SessionID = session.ID
	elsewhere.Scopes = []string{"openid"}
	for _, g := range []*storage.Grant{online, offline, elsewhere} {
		s.apply(t, storage.Write{Grant: g})
	}
	s.end(t, session)
	s.isSignedIn(t, session, false)
	equal(t, s.read(t, storage.Wanted{GrantID: online.ID}).Grant.RevokedAt, now)
	equal(t, s.read(t, storage.Wanted{GrantID: offline.ID}).Grant, offline)
	equal(t, s.read(t, storage.Wanted{GrantID: elsewhere.ID}).Grant, elsewhere)
}

// By the channel that each has registered, and under its own sid.
func testEndIsTold(t *testing.T, s *suite) {
	both, back := s.logoutClient(t, "both", true, true), s.logoutClient(t, "back", true, false)
	front := s.logoutClient(t, "front", false, true)
	first, second, untouched := s.session(t), s.session(t), s.session(t)
	s.join(t, first, both, "first at both")
	s.join(t, first, s.client, "first at neither")
	s.join(t, second, both, "second at both")
	s.join(t, second, back, "second at back")
	s.join(t, second, front, "second at front")
	s.join(t, untouched, back, "untouched")

	equal(t, sids(s.end(t, first, second)), map[string]storage.Client{
		"first at both": both, "second at both": both, "second at front": front,
	})
	notices, _ := s.take(t, now, 10)
	got := map[string]string{}
	for sid, n := range notices {
		got[sid] = n.ClientID + ", " + n.Subject
	}
	equal(t, got, map[string]string{
		"first at both":  "both, subject at both",
		"second at both": "both, subject at both",
		"second at back": "back, subject at back",
	})
	s.isSignedIn(t, untouched, true)
}

func sids(out []storage.SignedOut) map[string]storage.Client {
	bySID := map[string]storage.Client{}
	for _, o := range out {
		bySID[o.SID] = o.Client
	}
	return bySID
}

func testEndIsToldOnce(t *testing.T, s *suite) {
	session := s.session(t)
	s.join(t, session, s.logoutClient(t, "back", true, true), "sid")
	equal(t, len(s.end(t, session, session)), 1)
	equal(t, len(s.end(t, session)), 0)
	ok(t, s.DeleteLogoutNotice(t.Context(), s.leaves(t)))
	equal(t, len(s.end(t, session)), 0)
	taken, _ := s.take(t, now.Add(time.Hour), 10)
	equal(t, len(taken), 0)
}

func testParallelEnds(t *testing.T, s *suite) {
	session := s.session(t)
	s.join(t, session, s.logoutClient(t, "back", true, true), "sid")
	out := make([][]storage.SignedOut, 16)
	race(t, len(out), nil, func(i int) (err error) {
		out[i], err = s.EndSessions(t.Context(), []string{session.ID}, now)
		return err
	})
	told := 0
	for _, o := range out {
		told += len(o)
	}
	equal(t, told, 1)
	s.leaves(t)
}

func testNothingInEndedSession(t *testing.T, s *suite) {
	session := s.session(t)
	s.apply(t, storage.Write{Verified: s.verifiedIn(session), Grant: s.newGrant()})
	s.end(t, session)
	for _, gone := range []*storage.Session{session, {ID: "unknown"}} {
		g := s.newGrant()
		w := write(storage.Write{
			Verified: s.verifiedIn(gone), Grant: g, Code: newCode(g), Consent: s.consent("openid"),
			SessionClient: newSessionClient(gone, s.client, "sid"), UsesClient: s.client.ID,
		})
		fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
		equal(t, s.read(t, storage.Wanted{Code: w.Code.Hash}), storage.State{})
		equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
		_, _, err := s.FindSessionClient(t.Context(), "sid")
		fails(t, err, storage.ErrNotFound)
	}
}

// Either the grant was refused, or it ended with the session.
func testEndOfSessionRace(t *testing.T, s *suite) {
	session := s.session(t)
	grants := make([]*storage.Grant, 24)
	for i := range grants {
		grants[i] = s.newGrant()
		grants[i].SessionID, grants[i].Scopes = session.ID, []string{"openid"}
	}
	race(t, len(grants)+1, storage.ErrSpent, func(i int) error {
		if i == len(grants) {
			_, err := s.EndSessions(t.Context(), []string{session.ID}, now)
			return err
		}
		return s.Apply(t.Context(), write(storage.Write{Verified: s.verifiedIn(session), Grant: grants[i]}))
	})
	for _, g := range grants {
		if g = s.read(t, storage.Wanted{GrantID: g.ID}).Grant; g != nil && g.RevokedAt.IsZero() {
			t.Error("a grant lives on")
		}
	}
}

// A client that got its tokens hears of the end.
func testEndWhileJoining(t *testing.T, s *suite) {
	session := s.session(t)
	clients, joined := make([]storage.Client, 12), make([]bool, 12)
	for i := range clients {
		clients[i] = s.logoutClient(t, string(rune('a'+i)), true, false)
	}
	race(t, len(clients)+1, storage.ErrSpent, func(i int) error {
		if i == len(clients) {
			_, err := s.EndSessions(t.Context(), []string{session.ID}, now)
			return err
		}
		err := s.Apply(t.Context(), write(storage.Write{
			Verified:      s.verifiedIn(session),
			SessionClient: newSessionClient(session, clients[i], "sid of "+clients[i].ID),
		}))
		joined[i] = err == nil
		return err
	})
	notices, _ := s.take(t, now, 100)
	for i, c := range clients {
		_, told := notices["sid of "+c.ID]
		equal(t, told, joined[i])
	}
}

// Two tabs in which the same person signs in again, while others go on.
func testParallelProofs(t *testing.T, s *suite) {
	session := s.session(t)
	race(t, 32, nil, func(i int) error {
		w := storage.Write{
			Verified:      s.verifiedIn(session),
			SessionClient: newSessionClient(session, s.client, "sid"),
			Grant:         s.newGrant(),
			UsesClient:    s.client.ID,
		}
		if i%2 == 0 {
			anew := *session
			anew.Hash = newSession(s.user.ID).Hash
			w.Session = &anew
			if i%4 == 0 {
				w.Verified.SessionID = ""
			}
		}
		return s.Apply(t.Context(), write(w))
	})
}

func testChangedPasswordIsTold(t *testing.T, s *suite) {
	session := s.joined(t)
	s.user.PasswordHash, s.user.UpdatedAt = "$argon2id$new", now
	ok(t, s.SaveUser(t.Context(), s.user))
	s.isSignedIn(t, session, false)
	s.leaves(t)
}

func testDisabledUserIsTold(t *testing.T, s *suite) {
	s.joined(t)
	s.user.DisabledAt, s.user.UpdatedAt = now, now
	ok(t, s.SaveUser(t.Context(), s.user))
	ok(t, s.SaveUser(t.Context(), s.user))
	s.leaves(t)
}

func testDeletedUserIsTold(t *testing.T, s *suite) {
	s.joined(t)
	ok(t, s.DeleteUser(t.Context(), s.user.ID, now))
	s.leaves(t)
}

func testSessionClientStays(t *testing.T, s *suite) {
	session := s.session(t)
	s.join(t, session, s.client, "sid")
	s.join(t, session, s.client, "another")
	equal(t, s.signedIn(t, session.Hash).SID, "sid")
	got, _, err := s.FindSessionClient(t.Context(), "sid")
	ok(t, err)
	equal(t, got, *newSessionClient(session, s.client, "sid"))
}

func testListSessionClients(t *testing.T, s *suite) {
	first, second, third := s.session(t), s.session(t), s.session(t)
	other := s.logoutClient(t, "other", true, false)
	s.join(t, first, s.client, "a")
	s.join(t, first, other, "b")
	s.join(t, second, other, "c")
	for _, test := range []struct {
		of   []*storage.Session
		want []string
	}{
		{nil, nil},
		{[]*storage.Session{second}, []string{"other"}},
		{[]*storage.Session{first, second}, []string{s.client.ID, "other"}},
		{[]*storage.Session{third}, nil},
	} {
		var ids, got []string
		for _, session := range test.of {
			ids = append(ids, session.ID)
		}
		clients, err := s.ListSessionClients(t.Context(), ids)
		ok(t, err)
		for _, c := range clients {
			got = append(got, c.ID)
		}
		equal(t, got, test.want)
	}
}

// Also of a session that has ended or expired: an ID token is a hint to a logout
// after its expiry, OpenID Connect RP-Initiated Logout §2.
func testFindSessionClient(t *testing.T, s *suite) {
	session := s.session(t)
	s.join(t, session, s.client, "sid")
	s.end(t, session)
	session.EndedAt = now
	c, got, err := s.FindSessionClient(t.Context(), "sid")
	ok(t, err)
	equal(t, c, *newSessionClient(session, s.client, "sid"))
	equal(t, got, *session)
}

func testSessionClientAgain(t *testing.T, s *suite) {
	session, g := newSession(s.user.ID), s.newGrant()
	w := write(storage.Write{
		Verified: s.verified(), Session: session, Grant: g, UsesClient: s.client.ID,
		SessionClient: newSessionClient(session, s.client, "sid"),
	})
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
	equal(t, s.signedIn(t, session.Hash).SID, "sid")
}

// notices leaves one for each of n sessions.
func (s *suite) notices(t *testing.T, n int) {
	t.Helper()
	c := s.logoutClient(t, "back", true, false)
	var sessions []*storage.Session
	for i := range n {
		session := s.session(t)
		s.join(t, session, c, "sid "+string(rune('a'+i)))
		sessions = append(sessions, session)
	}
	s.end(t, sessions...)
}

func testTakeNotices(t *testing.T, s *suite) {
	s.notices(t, 3)
	early, next := s.take(t, now.Add(-time.Microsecond), 10)
	equal(t, len(early), 0)
	equal(t, next, now)

	first, next := s.take(t, now, 2)
	equal(t, len(first), 2)
	equal(t, next, now) // the third
	rest, next := s.take(t, now, 2)
	equal(t, len(rest), 1)
	equal(t, next, now.Add(lease)) // should the first two be lost
	for sid := range rest {
		_, again := first[sid]
		equal(t, again, false)
		ok(t, s.DeleteLogoutNotice(t.Context(), rest[sid].ID))
	}
	none, next := s.take(t, now.Add(lease-time.Microsecond), 10)
	equal(t, len(none), 0)
	equal(t, next, now.Add(lease))
	again, _ := s.take(t, now.Add(lease), 10)
	equal(t, again, first)
}

func testParallelTakers(t *testing.T, s *suite) {
	s.notices(t, 20)
	taken := make([][]storage.LogoutNotice, 12)
	race(t, len(taken), nil, func(i int) (err error) {
		taken[i], _, err = s.TakeLogoutNotices(t.Context(), now, now.Add(lease), 3)
		return err
	})
	seen := map[string]int{}
	for _, notices := range taken {
		for _, n := range notices {
			if seen[n.ID]++; seen[n.ID] > 1 {
				t.Errorf("notice %s was taken twice", n.ID)
			}
		}
	}
	rest, _ := s.take(t, now, 100)
	equal(t, len(seen)+len(rest), 20)
}

func testPostponeNotice(t *testing.T, s *suite) {
	s.notices(t, 1)
	at := now
	for attempts := range 3 {
		taken, _ := s.take(t, at, 10)
		notice := taken["sid a"]
		equal(t, notice.Attempts, attempts)
		until := at.Add(time.Hour)
		ok(t, s.PostponeLogoutNotice(t.Context(), notice.ID, until))
		none, next := s.take(t, until.Add(-time.Microsecond), 10)
		equal(t, len(none), 0)
		equal(t, next, until)
		at = until
	}
}

func testUnknownNotice(t *testing.T, s *suite) {
	ok(t, s.DeleteLogoutNotice(t.Context(), "unknown"))
	ok(t, s.PostponeLogoutNotice(t.Context(), "unknown", now))
}

func testNoticeLifetime(t *testing.T, s *suite) {
	s.notices(t, 1)
	end := now.Add(storage.LogoutNoticeLifetime)
	taken, _ := s.take(t, end, 10)
	equal(t, len(taken), 0)
	taken, _ = s.take(t, end.Add(-time.Microsecond), 10)
	equal(t, len(taken), 1)
}

func testNoticesOfDeletedClient(t *testing.T, s *suite) {
	s.notices(t, 1)
	ok(t, s.DeleteClient(t.Context(), "back"))
	taken, next := s.take(t, now, 10)
	equal(t, len(taken), 0)
	equal(t, next, time.Time{})
}

func testEndOfMany(t *testing.T, s *suite) {
	s.notices(t, 50)
	taken, _ := s.take(t, now, 100)
	equal(t, len(taken), 50)
	equal(t, len(s.end(t)), 0) // none at all
}

func testOverlappingEnds(t *testing.T, s *suite) {
	var ids []string
	c := s.logoutClient(t, "back", true, false)
	for i := range 8 {
		session := s.session(t)
		s.join(t, session, c, "sid "+string(rune('a'+i)))
		ids = append(ids, session.ID)
	}
	race(t, 16, nil, func(i int) error {
		order := append(append([]string{}, ids[i%8:]...), ids[:i%8]...)
		if i == 15 {
			changed := s.user
			changed.PasswordHash = "$argon2id$new"
			return s.SaveUser(t.Context(), changed)
		}
		_, err := s.EndSessions(t.Context(), order, now)
		return err
	})
	taken, _ := s.take(t, now, 100)
	equal(t, len(taken), 8)
}
