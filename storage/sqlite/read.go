package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/gatelodge/gatelodge/storage"
)

// Read implements [storage.Store].
func (db *DB) Read(ctx context.Context, want storage.Wanted) (storage.State, error) {
	r := reader{db: db, ctx: ctx}
	if want.ClientID != "" {
		r.state.Client = found(&r, clientFields, findClient, want.ClientID)
	}
	r.grantOf(want)
	if len(want.Sessions) > 0 {
		r.sessionsOf(want)
	}
	if want.JTI != "" {
		var one int
		r.state.Revoked = r.find(`SELECT 1 FROM revoked_tokens WHERE jti = ?`,
			[]any{want.JTI}, []any{&one})
	}
	if want.Catalogue && r.err == nil {
		var c storage.Catalogue
		c, r.err = db.Catalogue(ctx)
		r.state.Catalogue = &c
	}
	if r.err != nil {
		return storage.State{}, fmt.Errorf("read: %w", r.err)
	}
	return r.state, nil
}

// reader gathers a State; after an error it does nothing more.
type reader struct {
	db    *DB
	ctx   context.Context //nolint:containedctx // lives for one call of Read
	state storage.State
	err   error
}

// grantOf reads what was presented, its grant and the grant's user.
func (r *reader) grantOf(want storage.Wanted) {
	s, id := &r.state, want.GrantID
	switch zero := (storage.Hash{}); {
	case want.Code != zero:
		if s.Code = found(r, codeFields, findCode, hash(want.Code)); s.Code != nil {
			id = s.Code.GrantID
		}
	case want.Refresh != zero:
		if s.Refresh = found(r, refreshFields, findRefresh, hash(want.Refresh)); s.Refresh != nil {
			id = s.Refresh.GrantID
		}
	case want.Access != zero:
		if s.Access = found(r, accessFields, findAccess, hash(want.Access)); s.Access != nil {
			id = s.Access.GrantID
		}
	}
	if id == "" {
		return
	}
	if s.Grant = found(r, grantFields, findGrant, id); s.Grant != nil && s.Grant.UserID != "" {
		s.User = found(r, userFields, findUser, s.Grant.UserID)
	}
}

// sessionsOf reads the live sessions, and the user, consent and sid of each.
func (r *reader) sessionsOf(want storage.Wanted) {
	if want.Now.IsZero() {
		r.err = errors.New("sessions are wanted, but Now is not set")
		return
	}
	for _, token := range want.Sessions {
		var in storage.SignedIn
		if !r.find(findSession, []any{hash(token), micros(want.Now), want.ConsentFor},
			slices.Concat(sessionFields(&in.Session), userFields(&in.User), []any{(*text)(&in.SID)})) {
			continue
		}
		if want.ConsentFor != "" {
			r.find(findConsent, []any{in.User.ID, want.ConsentFor}, []any{(*list)(&in.Consent)})
		}
		r.state.Sessions = append(r.state.Sessions, in)
	}
}

const (
	findClient  = `SELECT ` + clientColumns + ` FROM clients WHERE id = ?`
	findUser    = `SELECT ` + userColumns + ` FROM users WHERE id = ?`
	findGrant   = `SELECT ` + grantColumns + ` FROM grants WHERE id = ?`
	findCode    = `SELECT ` + codeColumns + ` FROM codes WHERE hash = ?`
	findRefresh = `SELECT ` + refreshColumns + ` FROM refresh_tokens t
		LEFT JOIN refresh_tokens s ON s.hash = t.successor WHERE t.hash = ?`
	findAccess  = `SELECT ` + accessColumns + ` FROM access_tokens WHERE hash = ?`
	findSession = `SELECT ` + sessionColumns + `, ` + userColumns + `, (
			SELECT sid FROM session_clients WHERE session_id = sessions.id AND client_id = ?3)
		FROM sessions JOIN users ON users.id = user_id
		WHERE hash = ?1 AND expires_at > ?2 AND ended_at IS NULL AND disabled_at IS NULL`
	findConsent = `SELECT scopes FROM consents WHERE user_id = ? AND client_id = ?`
)

// found reads one record, nil if there is none.
func found[T any](r *reader, fields func(*T) []any, query string, args ...any) *T {
	record := new(T)
	if !r.find(query, args, fields(record)) {
		return nil
	}
	return record
}

func (r *reader) find(query string, args, dest []any) bool {
	if r.err != nil {
		return false
	}
	ok, err := r.db.find(r.ctx, query, args, dest)
	r.err = err
	return ok
}

// find reads one row into dest, and tells whether there is one.
func (db *DB) find(ctx context.Context, query string, args, dest []any) (bool, error) {
	stmt, err := db.prepare(ctx, query) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return false, err
	}
	// The driver watches a context that can end with a goroutine of its own,
	// which costs more than these reads.
	return scanOne(stmt.QueryRowContext(context.WithoutCancel(ctx), args...), dest)
}

// list reads all rows, and calls row for the fields of each.
func (db *DB) list(ctx context.Context, query string, args []any, row func() []any) error {
	stmt, err := db.prepare(ctx, query) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return scanAll(rows, row)
}

func (db *DB) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := db.prepared.Load(query); ok {
		return stmt.(*sql.Stmt), nil //nolint:errcheck // nothing else is stored
	}
	stmt, err := db.reads.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if other, raced := db.prepared.LoadOrStore(query, stmt); raced {
		return other.(*sql.Stmt), stmt.Close() //nolint:errcheck,sqlclosecheck // nothing else is stored
	}
	return stmt, nil
}
