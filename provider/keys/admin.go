package keys

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

// State is what a key does now.
type State string

// The states of a key, in the order in which it goes through them.
const (
	Next     State = "next"     // published, does not sign yet; not published yet, if to encrypt with
	Active   State = "active"   // signs; published, if to encrypt with
	Previous State = "previous" // published, does not sign any more; decrypts, but is not published
)

// Key describes a key to its operator.
type Key struct {
	ID string `json:"kid"`
	// Use is what it is for: "sig" or "enc", "" if only a later version knows.
	Use       string    `json:"use"`
	Algorithm string    `json:"alg"`
	State     State     `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	ActiveAt  time.Time `json:"active_at"`
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// List returns the stored keys, oldest first. It needs no [Ring.Load].
func (r *Ring) List(ctx context.Context) ([]Key, error) {
	records, err := r.records(ctx)
	if err != nil {
		return nil, err
	}
	now := r.now()
	list := make([]Key, 0, len(records))
	for i, record := range records {
		list = append(list, describe(record, records[i+1:], now))
	}
	return list, nil
}

// Rotate adds the next key of the algorithm and returns it. While there is one
// that is not active yet, it returns that: to ask twice rotates once.
func (r *Ring) Rotate(ctx context.Context, alg string) (Key, error) {
	if !slices.Contains(r.KeyAlgorithms(), alg) {
		return Key{}, fmt.Errorf("rotate: %q is not a configured algorithm", alg)
	}
	if err := r.Load(ctx); err != nil {
		return Key{}, err
	}
	now := r.now()
	newest := r.current.Load().newest(alg)
	if newest == nil || !now.Before(newest.ActiveAt) {
		if err := r.add(ctx, alg, newest, now); err != nil {
			return Key{}, err
		}
		if err := r.Load(ctx); err != nil {
			return Key{}, err
		}
		newest = r.current.Load().newest(alg)
	}
	return describe(newest.SigningKey, nil, now), nil
}

func describe(record storage.SigningKey, newer []storage.SigningKey, now time.Time) Key {
	k := Key{
		ID: record.ID, Use: use(record.Algorithm), Algorithm: record.Algorithm, State: Active,
		CreatedAt: record.CreatedAt, ActiveAt: record.ActiveAt, RetiredAt: record.RetiredAt,
	}
	if now.Before(record.ActiveAt) {
		k.State = Next
		return k
	}
	for _, n := range newer {
		if n.Algorithm == record.Algorithm && !now.Before(n.ActiveAt) {
			k.State = Previous
		}
	}
	return k
}
