package client

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	// Freshness is how long a client or the catalogue is answered from memory.
	// A change is seen by every node after that time at the latest.
	Freshness = 30 * time.Second
	// remembered bounds the memory.
	remembered = 10_000
)

// Directory reads for a request, with the clients and the catalogue answered
// from memory while they are fresh, so that they cost no round trip.
type Directory struct {
	store Store
	now   func() time.Time

	mu        sync.Mutex
	clients   map[string]fresh[*storage.Client]
	catalogue fresh[*storage.Catalogue]
}

// Store is what the directory reads from.
type Store interface {
	Read(context.Context, storage.Wanted) (storage.State, error)
}

type fresh[T any] struct {
	value T
	until time.Time
}

// NewDirectory returns an empty directory over the store.
func NewDirectory(store Store, now func() time.Time) *Directory {
	return &Directory{store: store, now: now, clients: map[string]fresh[*storage.Client]{}}
}

// Read is [storage.Store.Read], without the round trip when only a client is
// wanted that is remembered. A catalogue that is no longer fresh comes with it,
// and so costs no round trip of its own. A client that has expired is not
// returned. The one in the State is shared: it must not be changed.
func (d *Directory) Read(ctx context.Context, wanted storage.Wanted) (storage.State, error) {
	if !possible(wanted.ClientID) {
		wanted.ClientID, wanted.ConsentFor = "", ""
	}
	known, isFresh := d.remembered(wanted.ClientID)
	if isFresh {
		wanted.ClientID = ""
	}
	if wanted.Empty() {
		return storage.State{Client: known}, nil
	}
	wanted.Catalogue = !d.knowsCatalogue()
	state, err := d.store.Read(ctx, wanted)
	if err != nil {
		return storage.State{}, err
	}
	if state.Catalogue != nil {
		d.learn(state.Catalogue)
	}
	if state.Client != nil && !d.lives(state.Client) {
		state.Client = nil
	}
	switch {
	case isFresh:
		state.Client = known
	case state.Client != nil:
		d.remember(state.Client)
	default:
		d.Forget(wanted.ClientID)
	}
	return state, nil
}

// ReadDespiteOutage is Read for the sign-in page, which needs no database: when
// only a client is wanted, one that is no longer fresh will do during an outage.
func (d *Directory) ReadDespiteOutage(ctx context.Context, wanted storage.Wanted) (storage.State, error) {
	state, err := d.Read(ctx, wanted)
	id := wanted.ClientID
	wanted.ClientID = ""
	if err != nil && wanted.Empty() {
		if known, _ := d.remembered(id); known != nil && d.lives(known) {
			return storage.State{Client: known}, nil
		}
	}
	return state, err
}

// possible: a client_id is printable ASCII, RFC 6749 Appendix A.1. There is no
// client with another, and some bytes PostgreSQL does not even let one ask for.
func possible(clientID string) bool {
	return !strings.ContainsFunc(clientID, func(c rune) bool { return c < ' ' || c > '~' })
}

func (d *Directory) remembered(id string) (known *storage.Client, isFresh bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.clients[id]
	return c.value, c.value != nil && d.now().Before(c.until) && d.lives(c.value)
}

// lives: the client has not expired. One that was used does not any more, of which
// memory may not know.
func (d *Directory) lives(c *storage.Client) bool {
	return c.ExpiresAt.IsZero() || d.now().Before(c.ExpiresAt)
}

func (d *Directory) remember(c *storage.Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.clients) >= remembered {
		for id := range d.clients { // any one: the order is random
			delete(d.clients, id)
			break
		}
	}
	d.clients[c.ID] = fresh[*storage.Client]{c, d.now().Add(Freshness)}
}

// Forget forgets the client, which has changed or gone: this node at least knows
// at once.
func (d *Directory) Forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, id)
}

// Catalogue returns the registered scopes and resource servers, during an
// outage those last seen. The value is shared: it must not be changed.
func (d *Directory) Catalogue(ctx context.Context) (*storage.Catalogue, error) {
	d.mu.Lock()
	known := d.catalogue
	d.mu.Unlock()
	if known.value != nil && d.now().Before(known.until) {
		return known.value, nil
	}
	state, err := d.store.Read(ctx, storage.Wanted{Catalogue: true})
	switch {
	case err != nil && known.value != nil:
		return known.value, nil
	case err != nil:
		return nil, err
	}
	d.learn(state.Catalogue)
	return state.Catalogue, nil
}

func (d *Directory) knowsCatalogue() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.catalogue.value != nil && d.now().Before(d.catalogue.until)
}

func (d *Directory) learn(c *storage.Catalogue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.catalogue = fresh[*storage.Catalogue]{c, d.now().Add(Freshness)}
}
