package storagetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func records() tests {
	return tests{
		"ClientIsCreatedReplacedAndDeleted": testClients,
		"DeletedClientTakesItsGrants":       testDeleteClient,
		"UserIsCreatedReplacedAndDeleted":   testUsers,
		"PairwiseSaltIsTheUsersForGood":     testPairwiseSalt,
		"DeletedUserTakesSessionsAndGrants": testDeleteUser,
		"IdentifiersAreUnique":              testIdentifiersAreUnique,
		"ParallelSignUpsOfOneIdentifier":    testParallelSignUps,
		"UsersAreListedInPages":             testListUsers,
		"CatalogueIsInOrder":                testCatalogue,
		"WhatIsNotThereIsNotFound":          testNotFound,
		"PingAnswers":                       testPing,
	}
}

func testClients(t *testing.T, s *suite) {
	ctx := t.Context()
	got, err := s.FindClient(ctx, s.client.ID)
	ok(t, err)
	equal(t, got, s.client)

	changed := storage.Client{
		ID: s.client.ID, Metadata: storage.ClientMetadata{ClientName: "Changed"},
		CreatedAt: now, UpdatedAt: now,
	}
	ok(t, s.SaveClient(ctx, changed))
	changed.CreatedAt = s.client.CreatedAt
	another := newClient("Another")
	ok(t, s.SaveClient(ctx, another))
	all, err := s.ListClients(ctx)
	ok(t, err)
	equal(t, all, []storage.Client{another, changed})
}

func testDeleteClient(t *testing.T, s *suite) {
	ctx := t.Context()
	session, g := s.session(t), s.newGrant()
	c, r, a := newCode(g), newRefresh(g), newAccess(g)
	s.apply(t, storage.Write{Grant: g, Code: c, Refresh: r, Access: a, Consent: s.consent("openid")})
	ok(t, s.DeleteClient(ctx, s.client.ID))
	for _, want := range []storage.Wanted{
		{ClientID: s.client.ID}, {GrantID: g.ID}, {Code: c.Hash}, {Refresh: r.Hash}, {Access: a.Hash},
	} {
		equal(t, s.read(t, want), storage.State{})
	}
	equal(t, s.signedIn(t, session.Hash), storage.SignedIn{Session: *session, User: s.user})
}

func testUsers(t *testing.T, s *suite) {
	ctx := t.Context()
	for _, identifier := range s.user.Identifiers {
		got, err := s.FindUserByIdentifier(ctx, identifier)
		ok(t, err)
		equal(t, got, s.user)
	}
	changed := storage.User{
		ID: s.user.ID, Identifiers: []string{"renamed"}, CreatedAt: now, UpdatedAt: now,
	}
	ok(t, s.SaveUser(ctx, changed))
	changed.CreatedAt, changed.PairwiseSalt = s.user.CreatedAt, s.user.PairwiseSalt
	got, err := s.FindUser(ctx, s.user.ID)
	ok(t, err)
	equal(t, got, changed)
	_, err = s.FindUserByIdentifier(ctx, "user")
	fails(t, err, storage.ErrNotFound)
}

// OpenID Connect Core §8.1: a pairwise sub does not change, and tells nothing.
func testPairwiseSalt(t *testing.T, s *suite) {
	salt := s.user.PairwiseSalt
	equal(t, len(salt), 16)
	if other := s.newUser(t, "other"); bytes.Equal(other.PairwiseSalt, salt) {
		t.Error("two users have the same salt")
	}
	for _, given := range [][]byte{nil, []byte("another")} {
		s.user.PairwiseSalt = given
		ok(t, s.SaveUser(t.Context(), s.user))
		got, err := s.FindUser(t.Context(), s.user.ID)
		ok(t, err)
		equal(t, got.PairwiseSalt, salt)
	}
}

func testDeleteUser(t *testing.T, s *suite) {
	session, g := s.session(t), s.newGrant()
	s.apply(t, storage.Write{Grant: g, Consent: s.consent("openid")})
	ok(t, s.DeleteUser(t.Context(), s.user.ID, now))
	s.isSignedIn(t, session, false)
	equal(t, s.read(t, storage.Wanted{GrantID: g.ID}), storage.State{})
	_, err := s.FindUserByIdentifier(t.Context(), "user")
	fails(t, err, storage.ErrNotFound)
}

func testIdentifiersAreUnique(t *testing.T, s *suite) {
	other := newUser("other")
	other.Identifiers = []string{"other", "user@example.com"}
	fails(t, s.SaveUser(t.Context(), other), storage.ErrConflict)
	_, err := s.FindUser(t.Context(), other.ID)
	fails(t, err, storage.ErrNotFound)

	// A refused change leaves the user as it was.
	other = s.newUser(t, "other")
	changed := other
	changed.Identifiers, changed.PasswordHash = []string{"new", "user"}, "changed"
	fails(t, s.SaveUser(t.Context(), changed), storage.ErrConflict)
	got, err := s.FindUserByIdentifier(t.Context(), "other")
	ok(t, err)
	equal(t, got, other)
}

func testParallelSignUps(t *testing.T, s *suite) {
	won := race(t, 16, storage.ErrConflict, func(i int) error {
		u := newUser("new" + string(rune('a'+i)))
		u.Identifiers = []string{"wanted"}
		return s.SaveUser(t.Context(), u)
	})
	equal(t, won, 1)
}

func testListUsers(t *testing.T, s *suite) {
	for _, id := range []string{"Zoe", "adam", "xenia"} {
		ok(t, s.SaveUser(t.Context(), newUser(id)))
	}
	var ids []string
	for after := ""; ; {
		page, err := s.ListUsers(t.Context(), after, 3)
		ok(t, err)
		for _, u := range page {
			ids = append(ids, u.ID)
		}
		if len(page) < 3 {
			break
		}
		after = ids[len(ids)-1]
	}
	equal(t, ids, []string{"Zoe", "adam", "user", "xenia"})
}

func testCatalogue(t *testing.T, s *suite) {
	ctx := t.Context()
	want := storage.Catalogue{
		Scopes: []storage.Scope{
			{Name: "a", Description: "Read your notes", ResourceServer: "https://api.example"},
			{Name: "b"},
		},
		ResourceServers: []storage.ResourceServer{
			{Identifier: "https://api.example", Name: "Notes", ClientID: "client"},
			{Identifier: "https://other.example"},
		},
	}
	for _, scope := range []storage.Scope{{Name: "b"}, {Name: "a", Description: "old"}, want.Scopes[0]} {
		ok(t, s.SaveScope(ctx, scope))
	}
	for _, server := range []storage.ResourceServer{
		want.ResourceServers[1], {Identifier: "https://api.example"}, want.ResourceServers[0],
	} {
		ok(t, s.SaveResourceServer(ctx, server))
	}
	got, err := s.Catalogue(ctx)
	ok(t, err)
	equal(t, got, want)
	state := s.read(t, storage.Wanted{ClientID: s.client.ID, Catalogue: true})
	equal(t, state, storage.State{Client: &s.client, Catalogue: &want})

	ok(t, s.DeleteScope(ctx, "a"))
	ok(t, s.DeleteResourceServer(ctx, "https://api.example"))
	got, err = s.Catalogue(ctx)
	ok(t, err)
	equal(t, got, storage.Catalogue{Scopes: want.Scopes[1:], ResourceServers: want.ResourceServers[1:]})
}

func testNotFound(t *testing.T, s *suite) {
	ctx := t.Context()
	_, client := s.FindClient(ctx, "x")
	_, user := s.FindUser(ctx, "x")
	_, identifier := s.FindUserByIdentifier(ctx, "x")
	_, _, sid := s.FindSessionClient(ctx, "x")
	for _, err := range []error{
		client, user, identifier, sid,
		s.DeleteClient(ctx, "x"), s.DeleteUser(ctx, "x", now),
		s.UpdateClient(ctx, newClient("x")), s.DeleteInitialAccessToken(ctx, "x"),
		s.DeleteScope(ctx, "x"), s.DeleteResourceServer(ctx, "x"),
		s.ResealSigningKey(ctx, "x", []byte("sealed")),
	} {
		fails(t, err, storage.ErrNotFound)
	}
	equal(t, s.read(t, storage.Wanted{
		ClientID: "x", GrantID: "x", JTI: "x", Sessions: []storage.Hash{storage.HashOf("x")}, Now: now.Add(time.Hour),
	}), storage.State{})
}

func testPing(t *testing.T, s *suite) { ok(t, s.Ping(t.Context())) }
