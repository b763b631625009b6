package storagetest

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func account() tests {
	return tests{
		"SessionsAreListedByWhenTheyWereSeen":      testListSessions,
		"SessionProvenAnewTellsWhere":              testSessionTellsWhere,
		"ConnectionsAreConsentsAndGrants":          testConnections,
		"ConnectionIsSinceItsFirstConsent":         testConnectionSince,
		"DisconnectedClientHasNothing":             testDisconnect,
		"ActivityIsListedInPages":                  testActivity,
		"ActivityIsWrittenOnceByTheSameWrite":      testActivityAgain,
		"ActivityOfAUserWhoIsGoneIsNotFound":       testActivityOfNobody,
		"ActivityAndMailsAndLinksGoWhenItIsTime":   testPeopleExpiry,
		"MailIsTakenOnceUntilItsLeaseEnds":         testTakeMails,
		"ParallelNodesDoNotTakeAMailTwice":         testParallelMailTakers,
		"PostponedMailCountsItsAttempts":           testPostponeMail,
		"MailThatIsNotThereIsNoError":              testUnknownMail,
		"MailThatHasExpiredIsNotTaken":             testExpiredMail,
		"MailIsKeptWhenItsReceiverIsDeletedBefore": testMailOfDeletedUser,
	}
}

func newActivity(userID string) storage.Activity {
	return storage.Activity{
		ID: rand.Text(), UserID: userID, At: now, Event: "event", ClientID: "client", ClientName: "Client client",
		Network: "192.0.2.0/24", UserAgent: "Browser",
	}
}

func newMail() storage.Mail {
	return storage.Mail{
		ID: rand.Text(), Sealed: []byte("sealed"), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// activity is what has happened to the suite's user.
func (s *suite) activity(t *testing.T) []storage.Activity {
	t.Helper()
	all, err := s.ListActivity(t.Context(), s.user.ID, now.Add(time.Hour), 100)
	ok(t, err)
	return all
}

// mails takes all mails that are due.
func (s *suite) mails(t *testing.T, at time.Time) ([]storage.Mail, time.Time) {
	t.Helper()
	taken, next, err := s.TakeMails(t.Context(), at, at.Add(lease), 100)
	ok(t, err)
	return taken, next
}

func (s *suite) mail(t *testing.T) storage.Mail {
	t.Helper()
	m := newMail()
	s.apply(t, storage.Write{Mails: []storage.Mail{m}})
	return m
}

func testListSessions(t *testing.T, s *suite) {
	seen := func(session *storage.Session, at time.Time) storage.Session {
		session.LastSeenAt = at
		return *session
	}
	first, second, foreign := s.session(t), s.session(t), newSession(s.newUser(t, "other").ID)
	s.apply(t, storage.Write{Session: foreign})
	s.end(t, s.session(t))
	expired := newSession(s.user.ID)
	expired.ExpiresAt = now
	s.apply(t, storage.Write{Session: expired})
	for i, at := range []time.Time{now.Add(-time.Hour), now.Add(2 * time.Second), now.Add(time.Second)} {
		g := s.newGrant()
		g.SessionID, g.CreatedAt = first.ID, at
		if i == 0 {
			g.SessionID = second.ID // before it was proven last
		}
		s.apply(t, storage.Write{Grant: g})
		ok(t, s.RevokeGrant(t.Context(), g.ID, now))
	}
	got, err := s.ListSessions(t.Context(), s.user.ID, now)
	ok(t, err)
	equal(t, got, []storage.Session{seen(first, now.Add(2*time.Second)), seen(second, now)})
}

func testSessionTellsWhere(t *testing.T, s *suite) {
	session := newSession(s.user.ID)
	session.Remembered, session.UserAgent, session.Network = true, "Browser", "192.0.2.0/24"
	s.apply(t, storage.Write{Session: session})
	equal(t, s.signedIn(t, session.Hash).Session, *session)

	anew := *session
	anew.AuthTime, anew.Remembered = now.Add(time.Second), false
	anew.UserAgent, anew.Network = "Browser 2", "198.51.100.0/24"
	s.apply(t, storage.Write{Session: &anew})
	s.apply(t, storage.Write{Session: session}) // the older proof
	equal(t, s.signedIn(t, session.Hash).Session, anew)
}

// grantAt gives the client a grant.
func (s *suite) grantAt(t *testing.T, c storage.Client, at time.Time) *storage.Grant {
	t.Helper()
	g := s.newGrant()
	g.ClientID, g.CreatedAt = c.ID, at
	s.apply(t, storage.Write{Grant: g})
	return g
}

func (s *suite) connections(t *testing.T) []storage.Connection {
	t.Helper()
	got, err := s.ListConnections(t.Context(), s.user.ID, now)
	ok(t, err)
	return got
}

func (s *suite) savedClient(t *testing.T, id string) storage.Client {
	t.Helper()
	c := newClient(id)
	ok(t, s.SaveClient(t.Context(), c))
	return c
}

func testConnections(t *testing.T, s *suite) {
	own, gone, revoked := s.savedClient(t, "own"), s.savedClient(t, "gone"), s.savedClient(t, "revoked")
	other := s.newUser(t, "other")
	equal(t, s.connections(t), []storage.Connection(nil))

	s.apply(t, storage.Write{Consent: s.consent("openid", "email")})
	s.apply(t, storage.Write{Consent: &storage.Consent{
		UserID: other.ID, ClientID: gone.ID, Scopes: []string{"openid"}, GrantedAt: now,
	}})
	s.grantAt(t, own, now.Add(time.Minute))
	s.grantAt(t, own, now.Add(-time.Minute))
	expired := s.newGrant()
	expired.ClientID, expired.ExpiresAt = gone.ID, now
	s.apply(t, storage.Write{Grant: expired})
	ok(t, s.RevokeGrant(t.Context(), s.grantAt(t, revoked, now).ID, now))

	want := []storage.Connection{
		{Client: own, Since: now.Add(-time.Minute), LastUsedAt: now.Add(time.Minute)},
		{Client: s.client, Scopes: []string{"email", "openid"}, Since: now, LastUsedAt: now},
	}
	equal(t, s.connections(t), want)

	// The end of a grant does not undo that the client was used.
	used := s.grantAt(t, s.client, now.Add(2*time.Minute))
	ok(t, s.RevokeGrant(t.Context(), used.ID, now))
	want[1].LastUsedAt = now.Add(2 * time.Minute)
	slices.Reverse(want)
	equal(t, s.connections(t), want)
}

func testConnectionSince(t *testing.T, s *suite) {
	s.apply(t, storage.Write{Consent: s.consent("openid")})
	later := s.consent("email")
	later.GrantedAt = now.Add(time.Hour)
	s.apply(t, storage.Write{Consent: later})
	equal(t, s.connections(t), []storage.Connection{{
		Client: s.client, Scopes: []string{"email", "openid"}, Since: now, LastUsedAt: later.GrantedAt,
	}})
}

func testDisconnect(t *testing.T, s *suite) {
	own, other := s.savedClient(t, "own"), s.newUser(t, "other")
	session := s.session(t)
	s.apply(t, storage.Write{Consent: s.consent("openid")})
	mine, kept := s.grantAt(t, s.client, now), s.grantAt(t, own, now)
	foreign := s.newGrant()
	foreign.UserID = other.ID
	s.apply(t, storage.Write{Grant: foreign})
	for range 2 {
		s.change(t, storage.UserChange{Disconnect: s.client.ID})
		equal(t, s.connections(t), []storage.Connection{{Client: own, Since: now, LastUsedAt: now}})
		equal(t, s.signedIn(t, session.Hash), storage.SignedIn{Session: *session, User: s.user})
		equal(t, s.read(t, storage.Wanted{GrantID: mine.ID}).Grant.RevokedAt, now)
		equal(t, s.read(t, storage.Wanted{GrantID: kept.ID}).Grant, kept)
		equal(t, s.read(t, storage.Wanted{GrantID: foreign.ID}).Grant, foreign)
	}
}

func testActivity(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	var want []storage.Activity
	for i := range 5 {
		a := newActivity(s.user.ID)
		a.At = now.Add(-time.Duration(i) * time.Minute)
		want = append(want, a)
	}
	s.apply(t, storage.Write{Activity: []storage.Activity{want[3], want[0], want[4], newActivity(other.ID)}})
	s.apply(t, storage.Write{Activity: []storage.Activity{want[2], want[1]}})
	before := now.Add(time.Microsecond)
	for _, page := range [][]storage.Activity{want[:2], want[2:4], want[4:], nil} {
		got, err := s.ListActivity(t.Context(), s.user.ID, before, 2)
		ok(t, err)
		equal(t, got, page)
		if len(got) > 0 {
			before = got[len(got)-1].At
		}
	}
}

func testActivityAgain(t *testing.T, s *suite) {
	w := write(storage.Write{
		Activity: []storage.Activity{newActivity(s.user.ID)}, Mails: []storage.Mail{newMail()},
		Links: []storage.Link{newLink(s.user.ID)},
	})
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
	equal(t, s.activity(t), w.Activity)
	mails, _ := s.mails(t, now)
	equal(t, mails, w.Mails)
}

func testActivityOfNobody(t *testing.T, s *suite) {
	w := write(storage.Write{
		Activity: []storage.Activity{newActivity("nobody")}, Mails: []storage.Mail{newMail()},
	})
	fails(t, s.Apply(t.Context(), w), storage.ErrNotFound)
	mails, _ := s.mails(t, now)
	equal(t, len(mails), 0)
}

func testPeopleExpiry(t *testing.T, s *suite) {
	l, m, a := newLink(s.user.ID), newMail(), newActivity(s.user.ID)
	used := s.link(t, s.user.ID)
	s.apply(t, storage.Write{UseLink: use(used)})
	s.apply(t, storage.Write{
		Links: []storage.Link{l}, Mails: []storage.Mail{m}, Activity: []storage.Activity{a},
	})
	for _, step := range []struct {
		at   time.Time
		want int
	}{{l.ExpiresAt, 2}, {m.ExpiresAt, 1}, {a.At.Add(storage.ActivityLifetime), 1}} {
		equal(t, s.cleanUp(t, step.at.Add(-time.Microsecond), 10), 0)
		equal(t, s.cleanUp(t, step.at, 10), step.want)
	}
	equal(t, len(s.activity(t)), 0)
}

func testTakeMails(t *testing.T, s *suite) {
	first, second := s.mail(t), newMail()
	second.CreatedAt = now.Add(time.Second)
	s.apply(t, storage.Write{Mails: []storage.Mail{second}})
	taken, next := s.mails(t, now)
	equal(t, taken, []storage.Mail{first})
	equal(t, next, second.CreatedAt)
	taken, next = s.mails(t, second.CreatedAt)
	equal(t, taken, []storage.Mail{second})
	equal(t, next, now.Add(lease))

	// Its taker has gone.
	taken, _ = s.mails(t, now.Add(lease))
	equal(t, taken, []storage.Mail{first})
	ok(t, s.DeleteMail(t.Context(), first.ID))
	taken, _ = s.mails(t, now.Add(3*lease))
	equal(t, taken, []storage.Mail{second})
}

func testParallelMailTakers(t *testing.T, s *suite) {
	for range 20 {
		s.mail(t)
	}
	taken := make([][]storage.Mail, 12)
	race(t, len(taken), nil, func(i int) (err error) {
		taken[i], _, err = s.TakeMails(t.Context(), now, now.Add(lease), 3)
		return err
	})
	rest, _ := s.mails(t, now)
	seen := map[string]int{}
	for _, mails := range slices.Insert(taken, 0, rest) {
		for _, m := range mails {
			if seen[m.ID]++; seen[m.ID] > 1 {
				t.Errorf("mail %s was taken twice", m.ID)
			}
		}
	}
	equal(t, len(seen), 20)
}

func testPostponeMail(t *testing.T, s *suite) {
	m := s.mail(t)
	at := now
	for attempts := range 3 {
		taken, _ := s.mails(t, at)
		m.Attempts = attempts
		equal(t, taken, []storage.Mail{m})
		until := at.Add(10 * time.Minute)
		ok(t, s.PostponeMail(t.Context(), m.ID, until))
		taken, next := s.mails(t, until.Add(-time.Microsecond))
		equal(t, len(taken), 0)
		equal(t, next, until)
		at = until
	}
}

func testUnknownMail(t *testing.T, s *suite) {
	ok(t, s.DeleteMail(t.Context(), "unknown"))
	ok(t, s.PostponeMail(t.Context(), "unknown", now))
}

func testExpiredMail(t *testing.T, s *suite) {
	m := s.mail(t)
	taken, next := s.mails(t, m.ExpiresAt)
	equal(t, len(taken), 0)
	equal(t, next, time.Time{})
	taken, _ = s.mails(t, m.ExpiresAt.Add(-time.Microsecond))
	equal(t, taken, []storage.Mail{m})
}

// That an account was deleted is still told.
func testMailOfDeletedUser(t *testing.T, s *suite) {
	m := newMail()
	s.apply(t, storage.Write{
		Change: &storage.UserChange{UserID: s.user.ID, DeletesAt: &now}, Mails: []storage.Mail{m},
	})
	equal(t, s.cleanUp(t, now, 10), 1)
	taken, _ := s.mails(t, now)
	equal(t, taken, []storage.Mail{m})
}
