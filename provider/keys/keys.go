// Package keys owns the keys that Gatelodge signs with and those that others
// encrypt to it with: their making, sealing and rotation, the signatures of all our
// tokens, and the JWK Set. It does not own what the tokens say or how long they
// live, nor the keys of clients.
//
// A key that signs is published before it signs and stays published after it has ceased
// to, so that no verifier ever meets a signature whose key it cannot find:
//
//	CreatedAt ──── ActiveAt ──────────── successor's ActiveAt ──── RetiredAt
//	   │ published    │ published and signs     │ published          │ deleted
//	   └ publishAhead ┘                         └──── KeepAfter ─────┘
//
// A key to encrypt with goes the same way, but it decrypts from the first to the
// last, and is published from its ActiveAt to its successor's.
//
// The nodes that share a database share the keys. Each holds them in memory and
// looks for changes while it is used: at most once a minute, without making a
// request wait, and at most once a second, with a wait, while it is asked for the
// JWK Set or meets a kid that it does not know.
package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// MaxAge is how long a cache may keep the JWK Set, for its Cache-Control. Keys
// in memory are also never used when older, unless the database is down.
const MaxAge = 5 * time.Minute

// publishAhead is how long a new key is published before it signs: long enough
// for a copy of a copy to be in time. The first key of an algorithm signs at once.
const publishAhead = 2 * MaxAge

// DefaultKeepAfter is the default of [Config.KeepAfter].
const DefaultKeepAfter = 24 * time.Hour

// Store is what a ring needs of storage.Store.
type Store interface {
	SigningKeys(ctx context.Context) ([]storage.SigningKey, error)
	AddSigningKey(ctx context.Context, key storage.SigningKey, after string, afterRetiresAt time.Time) error
	ResealSigningKey(ctx context.Context, id string, sealed []byte) error
	DeleteSigningKeys(ctx context.Context, retiredBefore time.Time) error
}

// Config says which keys there are and when they change.
type Config struct {
	// Algorithms are those to sign with, of [oauth.SigningAlgorithms]. The default is RS256 and ES256.
	Algorithms []string
	// KeepAfter is how long a key is published after its successor has begun
	// to sign: longer than the longest token lives. 0 means DefaultKeepAfter.
	KeepAfter time.Duration
	// RotateEvery is how long a key is used before it is replaced by itself. 0
	// means never.
	RotateEvery time.Duration
}

// Ring holds the keys. It is safe for concurrent use.
type Ring struct {
	cfg   Config
	store Store
	seal  *secret.Key
	now   func() time.Time
	log   *slog.Logger

	current atomic.Pointer[snapshot]
	loading sync.Mutex // held by Load

	mu      sync.Mutex // guards what follows
	last    *reload
	closed  bool
	reloads sync.WaitGroup
}

// New returns a ring without keys; they come with the first [Ring.Load].
func New(cfg Config, store Store, secrets *secret.Keys, now func() time.Time, log *slog.Logger) *Ring {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{"RS256", "ES256"}
	}
	if cfg.KeepAfter <= 0 {
		cfg.KeepAfter = DefaultKeepAfter
	}
	r := &Ring{cfg: cfg, store: store, seal: secrets.For("signing keys"), now: now, log: log}
	r.current.Store(&snapshot{})
	return r
}

// Algorithms returns the algorithms that the ring signs with.
func (r *Ring) Algorithms() []string { return r.cfg.Algorithms }

// KeyAlgorithms returns the algorithms that the ring has keys of, by the names that
// List shows and Rotate takes: those of Algorithms, and one for each key that others
// encrypt to us with.
func (r *Ring) KeyAlgorithms() []string { return slices.Concat(r.cfg.Algorithms, encryptions()) }

// Load reads the keys and sees to them: it makes those that are missing or
// due, seals anew those that are sealed under a previous secret, and deletes
// those that have retired. Several nodes may do so at once.
func (r *Ring) Load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	if err := r.read(ctx); err != nil {
		return err
	}
	changed, err := r.maintain(ctx)
	if err != nil || !changed {
		return err
	}
	return r.read(ctx)
}

// read makes the stored keys the current ones.
func (r *Ring) read(ctx context.Context) error {
	now := r.now()
	records, err := r.records(ctx)
	if err != nil {
		return err
	}
	known := r.current.Load()
	keys := make([]*key, 0, len(records))
	for _, record := range records {
		if use(record.Algorithm) == "" {
			continue // a later version's, which runs beside this one
		}
		k, err := r.open(record, known)
		if err != nil {
			return fmt.Errorf("signing key %q: %w", record.ID, err)
		}
		keys = append(keys, k)
	}
	r.current.Store(newSnapshot(keys, now))
	return nil
}

// records returns the stored keys in the order in which they become active. A
// key does so later than the one that it follows, whatever the nodes' clocks.
func (r *Ring) records(ctx context.Context) ([]storage.SigningKey, error) {
	records, err := r.store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	slices.SortFunc(records, func(a, b storage.SigningKey) int {
		return cmp.Or(a.ActiveAt.Compare(b.ActiveAt), cmp.Compare(a.ID, b.ID))
	})
	return records, nil
}

// maintain writes what is due, and reports whether that changed the keys.
func (r *Ring) maintain(ctx context.Context) (changed bool, err error) {
	now, keys := r.now(), r.current.Load()
	if changed, err = r.addDue(ctx, keys, now); err != nil {
		return false, err
	}
	for _, k := range keys.all {
		if k.resealed != nil {
			err := r.store.ResealSigningKey(ctx, k.ID, k.resealed)
			if err != nil && !errors.Is(err, storage.ErrNotFound) { // deleted by another node
				return false, fmt.Errorf("reseal signing key %q: %w", k.ID, err)
			}
			changed = true
		}
	}
	if keys.anyRetired(now) {
		if err := r.store.DeleteSigningKeys(ctx, now); err != nil {
			return false, fmt.Errorf("delete retired signing keys: %w", err)
		}
		changed = true
	}
	return changed, nil
}

// addDue adds the keys that are missing or due, and reports whether there were
// any. It makes them at once: at the first start there are several of RSA, which
// take their time.
func (r *Ring) addDue(ctx context.Context, keys *snapshot, now time.Time) (any bool, err error) {
	algorithms := r.KeyAlgorithms()
	failed := make([]error, len(algorithms))
	var making sync.WaitGroup
	for i, alg := range algorithms {
		if newest := keys.newest(alg); newest == nil || r.due(newest, now) {
			any = true
			making.Go(func() { failed[i] = r.add(ctx, alg, newest, now) })
		}
	}
	making.Wait()
	return any, errors.Join(failed...)
}

// due reports whether the newest key of its algorithm needs a successor.
func (r *Ring) due(newest *key, now time.Time) bool {
	return r.cfg.RotateEvery > 0 && !now.Before(newest.ActiveAt.Add(r.cfg.RotateEvery))
}

// add makes a key that follows the newest of its algorithm, or is the first if
// that is nil. That another node was faster is no error.
func (r *Ring) add(ctx context.Context, alg string, newest *key, now time.Time) error {
	record, err := r.generate(alg)
	if err != nil {
		return err
	}
	now = now.UTC()
	record.CreatedAt, record.ActiveAt = now, now
	var after string
	var retiresAt time.Time
	if newest != nil {
		record.ActiveAt = now.Add(publishAhead)
		after, retiresAt = newest.ID, record.ActiveAt.Add(r.cfg.KeepAfter)
	}
	err = r.store.AddSigningKey(ctx, record, after, retiresAt)
	if errors.Is(err, storage.ErrConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("add %s key: %w", alg, err)
	}
	r.log.InfoContext(ctx, "key added", slog.String("alg", alg),
		slog.String("kid", record.ID), slog.Time("active_at", record.ActiveAt))
	return nil
}
