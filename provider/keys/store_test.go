package keys

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

type memory struct {
	mu   sync.Mutex
	keys map[string]storage.SigningKey
}

func newStore(tb testing.TB) *memory {
	tb.Helper()
	return &memory{keys: map[string]storage.SigningKey{}}
}

func (m *memory) sorted() []storage.SigningKey {
	return slices.SortedFunc(maps.Values(m.keys), func(a, b storage.SigningKey) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

func (m *memory) SigningKeys(context.Context) ([]storage.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sorted(), nil
}

func (m *memory) AddSigningKey(_ context.Context, k storage.SigningKey, after string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest string
	for _, have := range m.sorted() {
		if have.Algorithm == k.Algorithm && have.RetiredAt.IsZero() {
			newest = have.ID
		}
	}
	if newest != after {
		return storage.ErrConflict
	}
	if after != "" {
		old := m.keys[after]
		old.RetiredAt = at
		m.keys[after] = old
	}
	m.keys[k.ID] = k
	return nil
}

func (m *memory) ResealSigningKey(_ context.Context, id string, sealed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.keys[id]
	k.SealedKey = sealed
	m.keys[id] = k
	return nil
}

func (m *memory) DeleteSigningKeys(_ context.Context, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.keys, func(_ string, k storage.SigningKey) bool {
		return !k.RetiredAt.IsZero() && k.RetiredAt.Before(before)
	})
	return nil
}
