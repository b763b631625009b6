package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// A change ends the user's own sessions that it names, as EndSessions does, and
// nobody else's.
func testChangeEndsSessions(t *testing.T, s *suite) {
	here, there := s.session(t), s.joined(t)
	foreign := newSession(s.newUser(t, "other").ID)
	s.apply(t, storage.Write{Session: foreign})
	hangs, outlives := s.newGrant(), s.newGrant()
	hangs.SessionID, hangs.Scopes, outlives.SessionID = there.ID, []string{"openid"}, there.ID
	s.apply(t, storage.Write{Grant: hangs})
	s.apply(t, storage.Write{Grant: outlives})

	end := write(storage.Write{Verified: s.verifiedIn(here), Change: &storage.UserChange{
		UserID: s.user.ID, EndSessions: []string{there.ID, foreign.ID, "no such session"},
	}})
	for range 2 { // a lost answer is retried
		ok(t, s.Apply(t.Context(), end))
	}
	s.isSignedIn(t, here, true)
	s.isSignedIn(t, there, false)
	equal(t, len(s.read(t, storage.Wanted{Sessions: []storage.Hash{foreign.Hash}}).Sessions), 1)
	s.leaves(t)
	for grant, lives := range map[*storage.Grant]bool{hangs: false, outlives: true} {
		equal(t, s.read(t, storage.Wanted{GrantID: grant.ID}).Grant.RevokedAt.IsZero(), lives)
	}

	s.end(t, here)
	again := s.session(t)
	err := s.Apply(t.Context(), write(storage.Write{Verified: s.verifiedIn(here), Change: &storage.UserChange{
		UserID: s.user.ID, EndSessions: []string{again.ID},
	}}))
	if !errors.Is(err, storage.ErrSpent) {
		t.Errorf("from a session that has ended: %v, want ErrSpent", err)
	}
	s.isSignedIn(t, again, true)
}

// Of two changes of what was read once, the second is refused, and the first stays.
func testChangeIsOfWhatWasRead(t *testing.T, s *suite) {
	session := s.session(t)
	rename := func(name string) storage.Write {
		claims, verified := s.user.Claims, s.verifiedIn(session)
		claims.Name, verified.UpdatedAt = name, s.user.UpdatedAt
		return write(storage.Write{Verified: verified, Change: &storage.UserChange{UserID: s.user.ID, Claims: &claims}})
	}
	names := []string{"first", "second", "third", "fourth"}
	if n := race(t, len(names), storage.ErrSpent, func(i int) error { return s.Apply(t.Context(), rename(names[i])) }); n != 1 {
		t.Errorf("%d changes were made, want 1", n)
	}
	w := rename("with another key")
	if err := s.Apply(t.Context(), w); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("a change of what was read before: %v, want ErrSpent", err)
	}
	var err error
	s.user, err = s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	w = rename("of what is now")
	w.Now = now.Add(time.Second)
	for range 2 { // a lost answer is retried
		ok(t, s.Apply(t.Context(), w))
	}
	s.user, err = s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, s.user.Claims.Name, "of what is now")
}

// Of a person's last two passkeys and the password, taken away at once, one stays.
func testNotAllWaysInGoAtOnce(t *testing.T, s *suite) {
	first, second, none := newPasskey(s.user.ID), newPasskey(s.user.ID), ""
	s.change(t, storage.UserChange{AddPasskey: &first})
	s.change(t, storage.UserChange{AddPasskey: &second})
	session := s.session(t)
	changes := []storage.UserChange{
		{UserID: s.user.ID, RemovePasskey: first.ID},
		{UserID: s.user.ID, RemovePasskey: second.ID},
		{UserID: s.user.ID, PasswordHash: &none, KeepSession: session.ID},
	}
	race(t, len(changes), storage.ErrSpent, func(i int) error {
		verified := s.verifiedIn(session)
		verified.Passkeys = 2
		return s.Apply(t.Context(), write(storage.Write{Verified: verified, Change: &changes[i]}))
	})
	has, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	if len(has.Passkeys) == 0 {
		t.Error("no passkey is left")
	}
	u, err := s.FindUser(t.Context(), s.user.ID)
	ok(t, err)
	if left := len(has.Passkeys); u.PasswordHash == "" && left != 2 || u.PasswordHash != "" && left != 1 {
		t.Errorf("%d passkeys are left, and the password is %q", left, u.PasswordHash)
	}
}

// Of writes that give a session another token at once, one does.
func testOneTokenAtATime(t *testing.T, s *suite) {
	session := s.session(t)
	rotations := make([]storage.Write, 8)
	for i := range rotations {
		anew, verified := *session, s.verifiedIn(session)
		anew.Hash, verified.SessionHash = newSession(s.user.ID).Hash, session.Hash
		rotations[i] = write(storage.Write{
			Verified: verified, Session: &anew, Change: &storage.UserChange{UserID: s.user.ID, RecoveryCodes: []storage.Hash{}},
		})
	}
	var admitted storage.Hash
	n := race(t, len(rotations), storage.ErrSpent, func(i int) error {
		err := s.Apply(t.Context(), rotations[i])
		if err == nil {
			admitted = rotations[i].Session.Hash
			err = s.Apply(t.Context(), rotations[i]) // a lost answer is retried
		}
		return err
	})
	if n != 1 {
		t.Errorf("%d tokens were given, want 1", n)
	}
	equal(t, s.signedIn(t, admitted).Session.ID, session.ID)
	s.isSignedIn(t, session, false)
}
