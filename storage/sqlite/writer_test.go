package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/gatelodge/gatelodge/storage"
)

// The writes of concurrent requests share one commit, and one that is refused
// hurts no other.
func TestConcurrentWritesShareOneCommit(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &writer{jobs: make(chan job, 2), tx: db.writer.tx} // its own goroutine is idle
	saved := func() (n int) {
		scopes, err := db.Catalogue(t.Context())
		if err != nil {
			t.Error(err)
		}
		return len(scopes.Scopes)
	}
	add := func(name string, outcome error) job {
		return job{answer: make(chan error, 1), run: func(t *tx) error {
			_, err := t.exec(`INSERT INTO scopes VALUES (?, '', '')`, name)
			return errors.Join(err, outcome)
		}}
	}
	first, refused := add("first", nil), add("refused", storage.ErrSpent)
	last := add("last", nil)
	addLast := last.run
	last.run = func(tx *tx) error {
		if n := saved(); n != 0 {
			t.Errorf("%d writes were committed before the last", n)
		}
		return addLast(tx)
	}
	w.jobs <- refused
	w.jobs <- last
	w.commit(first)

	if err := errors.Join(<-first.answer, <-last.answer); err != nil {
		t.Error(err)
	}
	if err := <-refused.answer; !errors.Is(err, storage.ErrSpent) {
		t.Errorf("got %v, want %v", err, storage.ErrSpent)
	}
	if n := saved(); n != 2 {
		t.Errorf("got %d writes, want 2", n)
	}
}

func TestWriteAfterCloseFails(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.SaveScope(t.Context(), storage.Scope{Name: "x"}); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want %v", err, errClosed)
	}
}
