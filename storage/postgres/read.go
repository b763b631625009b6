package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage"
)

// Read implements [storage.Store]: one batch of at most six statements, all but
// the catalogue's by primary key. Behind a pooler the server plans each of them
// every time, so what belongs together is joined.
func (db *DB) Read(ctx context.Context, want storage.Wanted) (storage.State, error) {
	if len(want.Sessions) > 0 && want.Now.IsZero() {
		return storage.State{}, errors.New("read: sessions are wanted, but Now is not set")
	}
	if want.Empty() {
		return storage.State{}, nil
	}
	var state storage.State
	err := db.send(ctx, func(b *pgx.Batch) {
		state = storage.State{}
		readClient(b, want, &state)
		readGrant(b, want, &state)
		readSessions(b, want, &state.Sessions)
		if want.JTI != "" {
			q := b.Queue(`SELECT true FROM revoked_tokens WHERE jti = $1::text`, want.JTI)
			one(q, []any{&state.Revoked}, func() {})
		}
		readCatalogue(b, want, &state)
	})
	if err != nil {
		return storage.State{}, fmt.Errorf("read: %w", err)
	}
	return state, nil
}

const (
	findClient = `SELECT ` + clientColumns + ` FROM clients c WHERE c.id = $1::text`

	withGrant = ` t JOIN grants g ON g.id = t.grant_id LEFT JOIN users u ON u.id = g.user_id
		WHERE t.hash = $1::bytea`
	findCode = `SELECT ` + codeColumns + `, ` + grantColumns + `, ` + userColumns +
		` FROM codes` + withGrant
	findRefresh = `SELECT ` + refreshColumns + `, ` + grantColumns + `, ` + userColumns +
		` FROM refresh_tokens` + withGrant
	findAccess = `SELECT ` + accessColumns + `, ` + grantColumns + `, ` + userColumns +
		` FROM access_tokens` + withGrant
	findGrant = `SELECT ` + grantColumns + `, ` + userColumns +
		` FROM grants g LEFT JOIN users u ON u.id = g.user_id WHERE g.id = $1::text`

	findSessions = `SELECT ` + sessionColumns + `, ` + userColumns + `, (
			SELECT c.scopes FROM consents c WHERE c.user_id = t.user_id AND c.client_id = $3::text), (
			SELECT sc.sid FROM session_clients sc WHERE sc.session_id = t.id AND sc.client_id = $3::text)
		FROM sessions t JOIN users u ON u.id = t.user_id
		WHERE t.hash = ANY ($1::bytea[]) AND t.expires_at > $2::timestamptz
			AND t.ended_at IS NULL AND u.disabled_at IS NULL
		ORDER BY array_position($1::bytea[], t.hash)`

	findScopes          = `SELECT name, description, resource_server FROM scopes ORDER BY name`
	findResourceServers = `SELECT identifier, name, client_id FROM resource_servers ORDER BY identifier`
)

func readClient(b *pgx.Batch, want storage.Wanted, s *storage.State) {
	if want.ClientID == "" {
		return
	}
	var c storage.Client
	one(b.Queue(findClient, want.ClientID), clientFields(&c), func() { s.Client = &c })
}

// readGrant reads what was presented, its grant and the grant's user.
func readGrant(b *pgx.Batch, want storage.Wanted, s *storage.State) {
	var g storage.Grant
	var u storage.User
	rest := slices.Concat(grantFields(&g), userFields(&u))
	found := func() {
		s.Grant = &g
		if u.ID != "" {
			s.User = &u
		}
	}
	switch zero := (storage.Hash{}); {
	case want.Code != zero:
		var c storage.Code
		one(b.Queue(findCode, hash(want.Code)), slices.Concat(codeFields(&c), rest),
			func() { s.Code = &c; found() })
	case want.Refresh != zero:
		var t storage.RefreshToken
		one(b.Queue(findRefresh, hash(want.Refresh)), slices.Concat(refreshFields(&t), rest),
			func() { s.Refresh = &t; found() })
	case want.Access != zero:
		var t storage.AccessToken
		one(b.Queue(findAccess, hash(want.Access)), slices.Concat(accessFields(&t), rest),
			func() { s.Access = &t; found() })
	case want.GrantID != "":
		one(b.Queue(findGrant, want.GrantID), rest, found)
	}
}

// readSessions reads the live sessions, and the user, consent and sid of each.
func readSessions(b *pgx.Batch, want storage.Wanted, into *[]storage.SignedIn) {
	if len(want.Sessions) == 0 {
		return
	}
	hashes := make([][]byte, 0, len(want.Sessions))
	for _, h := range want.Sessions {
		hashes = append(hashes, h[:])
	}
	many(b.Queue(findSessions, hashes, instant(want.Now), want.ConsentFor), into,
		func(in *storage.SignedIn) []any {
			return slices.Concat(sessionFields(&in.Session), userFields(&in.User),
				[]any{&in.Consent, (*text)(&in.SID)})
		})
}

func readCatalogue(b *pgx.Batch, want storage.Wanted, s *storage.State) {
	if !want.Catalogue {
		return
	}
	c := &storage.Catalogue{}
	s.Catalogue = c
	many(b.Queue(findScopes), &c.Scopes, func(s *storage.Scope) []any {
		return []any{&s.Name, &s.Description, &s.ResourceServer}
	})
	many(b.Queue(findResourceServers), &c.ResourceServers, func(s *storage.ResourceServer) []any {
		return []any{&s.Identifier, &s.Name, &s.ClientID}
	})
}
