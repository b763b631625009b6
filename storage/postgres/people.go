package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// FindFactors implements [storage.Store].
func (db *DB) FindFactors(ctx context.Context, userID string) (storage.Factors, error) {
	return storage.Factors{}, errors.ErrUnsupported
}

// FindLink implements [storage.Store].
func (db *DB) FindLink(ctx context.Context, token storage.Hash, now time.Time) (storage.Link, *storage.User, error) {
	return storage.Link{}, nil, errors.ErrUnsupported
}

// CountLinkAttempt implements [storage.Store].
func (db *DB) CountLinkAttempt(ctx context.Context, id string, now time.Time) (storage.Link, *storage.User, error) {
	return storage.Link{}, nil, errors.ErrUnsupported
}

// ListSessions implements [storage.Store].
func (db *DB) ListSessions(ctx context.Context, userID string, now time.Time) ([]storage.Session, error) {
	return nil, errors.ErrUnsupported
}

// ListConnections implements [storage.Store].
func (db *DB) ListConnections(ctx context.Context, userID string, now time.Time) ([]storage.Connection, error) {
	return nil, errors.ErrUnsupported
}

// Disconnect implements [storage.Store].
func (db *DB) Disconnect(ctx context.Context, userID, clientID string, at time.Time) error {
	return errors.ErrUnsupported
}

// ListActivity implements [storage.Store].
func (db *DB) ListActivity(ctx context.Context, userID string, before time.Time, limit int) ([]storage.Activity, error) {
	return nil, errors.ErrUnsupported
}

// TakeMails implements [storage.Store].
func (db *DB) TakeMails(ctx context.Context, now, leaseUntil time.Time, limit int) ([]storage.Mail, time.Time, error) {
	return nil, time.Time{}, errors.ErrUnsupported
}

// DeleteMail implements [storage.Store].
func (db *DB) DeleteMail(ctx context.Context, id string) error { return errors.ErrUnsupported }

// PostponeMail implements [storage.Store].
func (db *DB) PostponeMail(ctx context.Context, id string, until time.Time) error {
	return errors.ErrUnsupported
}
