package storagetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func links() tests {
	return tests{
		"LinkIsFoundWithItsUser":                  testFindLink,
		"ParallelAttemptsAtACodeAreAllCounted":    testLinkAttempts,
		"LinkIsSingleUse":                         testLinkIsSingleUse,
		"LinkIsSingleUseBesideVerified":           testVerifiedLinkIsSingleUse,
		"LinkThatIsNoGoodWritesNothing":           testRefusedLink,
		"LinkIsNotUsedByAWriteThatIsRefused":      testLinkIsNotBurnt,
		"LinkIsUsedAgainByTheSameWrite":           testLinkAgain,
		"LinksGoWithPasswordAndIdentifiers":       testLinksGo,
		"LinkThatChangesThePasswordStaysUsed":     testLinkOfTheChangeStays,
		"LinksThatComeWithAChangeStay":            testLinksOfTheChange,
		"LinksGoWithThePasswordThatIsSaved":       testLinksGoWithSavedUser,
		"ParallelResetsByManyLinksAreOne":         testParallelResets,
		"LinkOfAUserWhoIsGoneIsNotFound":          testLinkOfDeletedUser,
		"LinkToSignUpMakesOneUserOnly":            testSignUpByLink,
		"ParallelSignUpsByManyLinksMakeOneUser":   testParallelSignUpsByLink,
		"LinkIsNotUsedForAnIdentifierThatIsTaken": testSignUpConflict,
	}
}

func newLink(userID string) storage.Link {
	return storage.Link{
		ID: rand.Text(), Hash: storage.HashOf(rand.Text()), CodeHash: storage.HashOf(rand.Text()),
		Purpose: "purpose", UserID: userID, Email: "user@example.com", SealedData: []byte("sealed"),
		CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute),
	}
}

// link adds a link of the user's, "" for one of nobody's.
func (s *suite) link(t *testing.T, userID string) storage.Link {
	t.Helper()
	l := newLink(userID)
	s.apply(t, storage.Write{Links: []storage.Link{l}})
	return l
}

func use(l storage.Link) *storage.LinkUse { return &storage.LinkUse{Hash: l.Hash} }

// waits tells whether the link can still be used.
func (s *suite) waits(t *testing.T, l storage.Link) bool {
	t.Helper()
	_, _, err := s.FindLink(t.Context(), l.Hash, now)
	if err != nil {
		fails(t, err, storage.ErrNotFound)
	}
	return err == nil
}

func testFindLink(t *testing.T, s *suite) {
	ctx := t.Context()
	nobodys := newLink("")
	nobodys.CodeHash = storage.Hash{}
	s.apply(t, storage.Write{Links: []storage.Link{nobodys}})
	for _, want := range []struct {
		link storage.Link
		user *storage.User
	}{{nobodys, nil}, {s.link(t, s.user.ID), &s.user}} {
		before := want.link.ExpiresAt.Add(-time.Microsecond)
		got, user, err := s.FindLink(ctx, want.link.Hash, before)
		ok(t, err)
		equal(t, got, want.link)
		equal(t, user, want.user)

		want.link.Attempts = 1
		got, user, err = s.CountLinkAttempt(ctx, want.link.ID, before)
		ok(t, err)
		equal(t, got, want.link)
		equal(t, user, want.user)

		_, _, err = s.FindLink(ctx, want.link.Hash, want.link.ExpiresAt)
		fails(t, err, storage.ErrNotFound)
		_, _, err = s.CountLinkAttempt(ctx, want.link.ID, want.link.ExpiresAt)
		fails(t, err, storage.ErrNotFound)
		s.apply(t, storage.Write{UseLink: use(want.link)})
		equal(t, s.waits(t, want.link), false)
		_, _, err = s.CountLinkAttempt(ctx, want.link.ID, now)
		fails(t, err, storage.ErrNotFound)
	}
}

func testLinkAttempts(t *testing.T, s *suite) {
	l := s.link(t, s.user.ID)
	race(t, 40, nil, func(int) error {
		_, _, err := s.CountLinkAttempt(t.Context(), l.ID, now)
		return err
	})
	got, _, err := s.FindLink(t.Context(), l.Hash, now)
	ok(t, err)
	equal(t, got.Attempts, 40)
}

// reset is a write that sets a password of its own by the link, and signs in.
func (s *suite) reset(l storage.Link) storage.Write {
	password := rand.Text()
	return write(storage.Write{
		UseLink: use(l), Session: newSession(s.user.ID),
		Change:   &storage.UserChange{UserID: s.user.ID, PasswordHash: &password},
		Activity: []storage.Activity{newActivity(s.user.ID)},
		Mails:    []storage.Mail{newMail()},
	})
}

// theOne proves that what one of the writes did is there, and nothing of the others.
func (s *suite) theOne(t *testing.T, writes []storage.Write) {
	t.Helper()
	user, err := s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	sessions, passwords := 0, 0
	for _, w := range writes {
		if s.signedIn(t, w.Session.Hash).Session.ID != "" {
			sessions++
		}
		if w.Change != nil && *w.Change.PasswordHash == user.PasswordHash {
			passwords++
		}
	}
	equal(t, sessions, 1)
	if writes[0].Change != nil {
		equal(t, passwords, 1)
	}
	equal(t, len(s.activity(t)), 1)
	mails, _ := s.mails(t, now)
	equal(t, len(mails), 1)
}

func testLinkIsSingleUse(t *testing.T, s *suite) {
	l := s.link(t, s.user.ID)
	writes := make([]storage.Write, 64)
	won := race(t, len(writes), storage.ErrSpent, func(i int) error {
		writes[i] = s.reset(l)
		return s.Apply(t.Context(), writes[i])
	})
	equal(t, won, 1)
	s.theOne(t, writes)
}

func testVerifiedLinkIsSingleUse(t *testing.T, s *suite) {
	l := s.link(t, s.user.ID)
	writes := make([]storage.Write, 64)
	won := race(t, len(writes), storage.ErrSpent, func(i int) error {
		writes[i] = s.reset(l)
		writes[i].Change, writes[i].Verified = nil, s.verified()
		return s.Apply(t.Context(), writes[i])
	})
	equal(t, won, 1)
	s.theOne(t, writes)
}

// untouched proves that nothing of the write is there.
func (s *suite) untouched(t *testing.T, w storage.Write) {
	t.Helper()
	user, err := s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, user, s.user)
	if w.Session != nil {
		s.isSignedIn(t, w.Session, false)
	}
	equal(t, len(s.activity(t)), 0)
	mails, _ := s.mails(t, now)
	equal(t, len(mails), 0)
}

func testRefusedLink(t *testing.T, s *suite) {
	used, expired, live := s.link(t, s.user.ID), s.link(t, s.user.ID), s.link(t, s.user.ID)
	s.apply(t, storage.Write{UseLink: use(used)})
	late := s.reset(expired)
	late.Now = expired.ExpiresAt
	for name, w := range map[string]storage.Write{
		"used": s.reset(used), "expired": late, "unknown": s.reset(newLink(s.user.ID)),
	} {
		if err := s.Apply(t.Context(), w); err == nil {
			t.Errorf("a link that is %s: got no error", name)
		} else {
			fails(t, err, storage.ErrSpent)
		}
		s.untouched(t, w)
	}
	equal(t, s.waits(t, live), true)

	// What a disabled person was mailed before goes; what they are mailed after is
	// good for nothing.
	s.user.DisabledAt = now
	ok(t, s.SaveUser(t.Context(), s.user))
	equal(t, s.waits(t, live), false)
	w := s.reset(s.link(t, s.user.ID))
	fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
	s.untouched(t, w)
}

func testLinkIsNotBurnt(t *testing.T, s *suite) {
	l, ended := s.link(t, s.user.ID), s.session(t)
	s.end(t, ended)
	for _, w := range []storage.Write{
		{Verified: &storage.Verified{UserID: s.user.ID, PasswordHash: "another"}},
		{Verified: s.verifiedIn(ended)},
		{Session: ended},
		{UsePasskey: &storage.PasskeyUse{ID: []byte("unknown")}},
	} {
		w.UseLink = use(l)
		fails(t, s.Apply(t.Context(), write(w)), storage.ErrSpent)
		equal(t, s.waits(t, l), true)
	}
	gone := write(storage.Write{UseLink: use(l), Change: &storage.UserChange{UserID: "gone"}})
	fails(t, s.Apply(t.Context(), gone), storage.ErrNotFound)
	equal(t, s.waits(t, l), true)
}

func testLinkAgain(t *testing.T, s *suite) {
	w := s.reset(s.link(t, s.user.ID))
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
	s.theOne(t, []storage.Write{w})

	plain := write(storage.Write{UseLink: use(s.link(t, s.user.ID)), Session: newSession(s.user.ID)})
	ok(t, s.Apply(t.Context(), plain))
	ok(t, s.Apply(t.Context(), plain))
	plain.Key = rand.Text()
	fails(t, s.Apply(t.Context(), plain), storage.ErrSpent)
}

// A link that a thief asked for before must not outlive what locks the thief out.
func testLinksGo(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	password := "$argon2id$new"
	for _, c := range []storage.UserChange{
		{PasswordHash: &password}, {Identifiers: []string{"renamed"}},
	} {
		mine, others, nobodys := s.link(t, s.user.ID), s.link(t, other.ID), s.link(t, "")
		s.change(t, c)
		equal(t, []bool{s.waits(t, mine), s.waits(t, others), s.waits(t, nobodys)}, []bool{false, true, true})
	}
	kept := s.link(t, s.user.ID)
	s.change(t, storage.UserChange{Claims: &storage.Claims{Name: "Renamed"}})
	equal(t, s.waits(t, kept), true)
}

// So that it is recognised when the same write is sent again.
func testLinkOfTheChangeStays(t *testing.T, s *suite) {
	l := s.link(t, s.user.ID)
	w := write(storage.Write{
		UseLink: use(l), Change: &storage.UserChange{UserID: s.user.ID, Identifiers: []string{"renamed"}},
	})
	ok(t, s.Apply(t.Context(), w))
	s.change(t, storage.UserChange{Preferences: &storage.Preferences{Theme: "dark"}})
	equal(t, s.waits(t, l), false)
	w.Change = nil
	ok(t, s.Apply(t.Context(), w))
}

func testLinksOfTheChange(t *testing.T, s *suite) {
	l, password := newLink(s.user.ID), "$argon2id$new"
	s.apply(t, storage.Write{
		Change: &storage.UserChange{UserID: s.user.ID, PasswordHash: &password}, Links: []storage.Link{l},
	})
	equal(t, s.waits(t, l), true)
}

func testLinksGoWithSavedUser(t *testing.T, s *suite) {
	for _, change := range []func(*storage.User){
		func(u *storage.User) { u.PasswordHash = "$argon2id$new" },
		func(u *storage.User) { u.Identifiers = []string{"renamed"} },
	} {
		l := s.link(t, s.user.ID)
		ok(t, s.SaveUser(t.Context(), s.user))
		equal(t, s.waits(t, l), true)
		change(&s.user)
		ok(t, s.SaveUser(t.Context(), s.user))
		equal(t, s.waits(t, l), false)
	}
}

func testParallelResets(t *testing.T, s *suite) {
	writes := make([]storage.Write, 16)
	for i := range writes {
		writes[i] = s.reset(s.link(t, s.user.ID))
	}
	won := race(t, len(writes), storage.ErrSpent, func(i int) error { return s.Apply(t.Context(), writes[i]) })
	equal(t, won, 1)
	s.theOne(t, writes)
}

func testLinkOfDeletedUser(t *testing.T, s *suite) {
	l := s.link(t, s.user.ID)
	ok(t, s.DeleteUser(t.Context(), s.user.ID, now))
	equal(t, s.waits(t, l), false)
	fails(t, s.Apply(t.Context(), s.reset(l)), storage.ErrNotFound)
	fails(t, s.Apply(t.Context(), write(storage.Write{Links: []storage.Link{newLink(s.user.ID)}})), storage.ErrNotFound)
}

// signUp is a write that makes a user by the link, and signs them in.
func signUp(l storage.Link, identifiers ...string) storage.Write {
	u := newUser(rand.Text())
	u.Identifiers, u.Preferences = identifiers, storage.Preferences{Theme: "dark"}
	return write(storage.Write{
		UseLink: use(l), CreateUser: &u, Session: newSession(u.ID),
		Activity: []storage.Activity{newActivity(u.ID)},
	})
}

func testSignUpByLink(t *testing.T, s *suite) {
	l := s.link(t, "")
	writes := make([]storage.Write, 64)
	won := race(t, len(writes), storage.ErrSpent, func(i int) error {
		writes[i] = signUp(l, "new", "new@example.com")
		return s.Apply(t.Context(), writes[i])
	})
	equal(t, won, 1)
	for _, w := range writes {
		in := s.signedIn(t, w.Session.Hash)
		if in.Session.ID == "" {
			continue
		}
		ok(t, s.Apply(t.Context(), w)) // again
		for _, identifier := range w.CreateUser.Identifiers {
			got, err := s.FindUserByIdentifier(t.Context(), identifier)
			ok(t, err)
			equal(t, len(got.PairwiseSalt), 16)
			w.CreateUser.PairwiseSalt = got.PairwiseSalt
			equal(t, got, *w.CreateUser)
		}
		return
	}
	t.Error("nobody is signed in")
}

func testParallelSignUpsByLink(t *testing.T, s *suite) {
	writes := make([]storage.Write, 16)
	for i := range writes {
		writes[i] = signUp(s.link(t, ""), "wanted@example.com", "wanted")
	}
	won := race(t, len(writes), storage.ErrConflict, func(i int) error { return s.Apply(t.Context(), writes[i]) })
	equal(t, won, 1)
}

func testSignUpConflict(t *testing.T, s *suite) {
	l := s.link(t, "")
	w := signUp(l, "new", "user@example.com")
	fails(t, s.Apply(t.Context(), w), storage.ErrConflict)
	equal(t, s.waits(t, l), true)
	s.isSignedIn(t, w.Session, false)
	_, err := s.FindUser(t.Context(), w.CreateUser.ID)
	fails(t, err, storage.ErrNotFound)
	s.apply(t, signUp(l, "new"))
}
