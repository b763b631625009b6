package seed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// Action is what became of a record.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
)

// Change is what became of one entry of a document.
type Change struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Action Action `json:"action"`
	// Secret is the client secret that was made, which is shown this once.
	Secret string `json:"client_secret,omitempty"`
}

// Applier brings the database to what a document says.
type Applier struct {
	Store   storage.Store
	Secrets *secret.Keys
	Hasher  *account.Hasher
	// Passwords is which ones people may have that are given as they are. It is
	// nil for the sample data, whose password says what it is.
	Passwords *account.Policy
	Now       func() time.Time
	// Policy is what clients may be.
	Policy client.Policy
	// Lookup finds environment variables.
	Lookup func(string) (string, bool)
	// DryRun changes nothing and tells what would change.
	DryRun bool
	// KeepUsers leaves people alone who exist already.
	KeepUsers bool
}

// Apply creates and updates what the document names and leaves everything else
// alone. A second time it changes nothing. Its error is an [Error] if the
// document is wrong, in which case nothing was changed.
func (a *Applier) Apply(ctx context.Context, data []byte) ([]Change, error) {
	catalogue, err := a.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	d, err := a.parse(ctx, data, catalogue)
	if err != nil {
		return nil, err
	}
	changes := []Change{}
	add := func(c Change, err error) error {
		if err != nil {
			return fmt.Errorf("%s %q: %w", c.Kind, c.Name, err)
		}
		changes = append(changes, c)
		return nil
	}
	for _, e := range d.ResourceServers {
		if err := add(a.resourceServer(ctx, e, catalogue)); err != nil {
			return changes, err
		}
	}
	for _, e := range d.Scopes {
		if err := add(a.scope(ctx, e, catalogue)); err != nil {
			return changes, err
		}
	}
	for _, e := range d.Clients {
		if err := add(a.client(ctx, e)); err != nil {
			return changes, err
		}
	}
	for _, e := range d.Users {
		if err := add(a.user(ctx, e)); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

// HasDemo reports whether a client or a person of the sample data is there with
// the secret or password that everybody knows.
func (a *Applier) HasDemo(ctx context.Context) (bool, error) {
	sample := *a
	sample.Passwords = nil
	d, err := sample.parse(ctx, Demo(), storage.Catalogue{})
	if err != nil {
		return false, err
	}
	for _, e := range d.Clients {
		found, err := a.Store.FindClient(ctx, e.ClientID)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if client.SecretKey(a.Secrets).Verify(found.SecretHash, []byte(e.ClientID), []byte(e.ClientSecret)) {
			return true, nil
		}
	}
	for _, e := range d.Users {
		if known, err := a.hasDemoPassword(ctx, e); known || err != nil {
			return known, err
		}
	}
	return false, nil
}

func (a *Applier) hasDemoPassword(ctx context.Context, e userEntry) (bool, error) {
	identifiers, err := e.identifiers()
	if err != nil {
		return false, err // not after parse
	}
	checked := "" // who is found by both names is checked once
	for _, identifier := range identifiers {
		u, err := a.Store.FindUserByIdentifier(ctx, identifier)
		if errors.Is(err, storage.ErrNotFound) || err == nil && (u.PasswordHash == "" || u.ID == checked) {
			continue
		}
		if err != nil {
			return false, err
		}
		if known, _, err := a.Hasher.Verify(ctx, u.PasswordHash, e.Password); known || err != nil {
			return known, err
		}
		checked = u.ID
	}
	return false, nil
}

func (a *Applier) resourceServer(ctx context.Context, e resourceServerEntry, old storage.Catalogue) (Change, error) {
	want := storage.ResourceServer(e)
	i := slices.IndexFunc(old.ResourceServers, func(s storage.ResourceServer) bool { return s.Identifier == e.Identifier })
	c := Change{Kind: "resource server", Name: e.Identifier, Action: action(i >= 0, i >= 0 && old.ResourceServers[i] == want)}
	return c, a.save(c, func() error { return a.Store.SaveResourceServer(ctx, want) })
}

func (a *Applier) scope(ctx context.Context, e scopeEntry, old storage.Catalogue) (Change, error) {
	want := storage.Scope(e)
	i := slices.IndexFunc(old.Scopes, func(s storage.Scope) bool { return s.Name == e.Name })
	c := Change{Kind: "scope", Name: e.Name, Action: action(i >= 0, i >= 0 && old.Scopes[i] == want)}
	return c, a.save(c, func() error { return a.Store.SaveScope(ctx, want) })
}

func (a *Applier) client(ctx context.Context, e clientEntry) (Change, error) {
	c := Change{Kind: "client", Name: e.ClientID}
	old, err := a.Store.FindClient(ctx, e.ClientID)
	exists := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return c, err
	}
	want := storage.Client{ID: e.ClientID, Metadata: e.ClientMetadata, SecretHash: old.SecretHash}
	if want.CreatedAt, want.UpdatedAt = old.CreatedAt, a.Now(); !exists {
		want.CreatedAt = want.UpdatedAt
	}
	switch {
	case !client.HasSecret(e.ClientMetadata):
		want.SecretHash = nil
	case e.ClientSecret != "":
		want.SecretHash = client.HashSecret(a.Secrets, e.ClientID, e.ClientSecret)
	case len(old.SecretHash) == 0:
		made := client.NewSecret()
		want.SecretHash = client.HashSecret(a.Secrets, e.ClientID, made)
		if !a.DryRun {
			c.Secret = made
		}
	}
	// A client that registered itself is the operator's from now on: it stays, and
	// no longer changes what the file says.
	taken := old.RegistrationHash == storage.Hash{} && old.ExpiresAt.IsZero()
	c.Action = action(exists, taken && bytes.Equal(old.SecretHash, want.SecretHash) && same(old.Metadata, want.Metadata))
	return c, a.save(c, func() error { return a.Store.SaveClient(ctx, want) })
}

func (a *Applier) user(ctx context.Context, e userEntry) (Change, error) {
	identifiers, err := e.identifiers()
	if err != nil {
		return Change{}, err // not after parse
	}
	c := Change{Kind: "user", Name: identifiers[0]}
	old, err := a.findUser(ctx, e.Sub, identifiers)
	exists := old.ID != ""
	if exists && a.KeepUsers {
		c.Action = Unchanged
		return c, nil
	}
	if err != nil {
		return c, err
	}
	want, err := a.wanted(ctx, e, identifiers, old, exists)
	if err != nil {
		return c, err
	}
	c.Action = action(exists, exists && sameUser(old, want))
	return c, a.save(c, func() error { return a.Store.SaveUser(ctx, want) })
}

// findUser finds the person that an entry is about by all that names them, since
// any of it may be what the entry changes. It returns the zero User if there is
// nobody, and fails if there are two.
func (a *Applier) findUser(ctx context.Context, sub string, identifiers []string) (found storage.User, err error) {
	add := func(u storage.User, err error) error {
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return nil
		case err != nil:
			return err
		case found.ID != "" && found.ID != u.ID:
			return fmt.Errorf("is about two people, whose subs are %q and %q", found.ID, u.ID)
		}
		found = u
		return nil
	}
	if sub != "" {
		err = add(a.Store.FindUser(ctx, sub))
	}
	for i := 0; i < len(identifiers) && err == nil; i++ {
		err = add(a.Store.FindUserByIdentifier(ctx, identifiers[i]))
	}
	return found, err
}

// wanted is the person as the entry says, with what it leaves open as it was.
func (a *Applier) wanted(
	ctx context.Context, e userEntry, identifiers []string, old storage.User, exists bool,
) (storage.User, error) {
	want := old
	want.Identifiers, want.Claims, want.UpdatedAt = identifiers, e.Claims, a.Now()
	if want.Claims.PreferredUsername == "" {
		want.Claims.PreferredUsername = e.Username
	}
	if !exists {
		want.ID, want.CreatedAt = e.Sub, want.UpdatedAt
	}
	if want.ID == "" {
		want.ID = rand.Text()
	}
	if e.Sub != "" && e.Sub != want.ID {
		return want, fmt.Errorf("sub is %q already and cannot be changed", want.ID)
	}
	switch {
	case e.Disabled == nil:
		// Who was disabled since does not get back in by what was true before.
	case !*e.Disabled:
		want.DisabledAt = time.Time{}
	case want.DisabledAt.IsZero():
		want.DisabledAt = want.UpdatedAt
	}
	if want.PasswordHash == "" {
		// A hash is imported once: by the next sign-in it has been replaced by
		// one of our own, which is no reason to go back.
		want.PasswordHash = e.PasswordHash
	}
	if e.Password != "" {
		return want, a.setPassword(ctx, &want, e.Password)
	}
	return want, nil
}

// setPassword hashes the password anew only if it is another: hashes of the same
// password differ, and a new one ends the person's sessions.
func (a *Applier) setPassword(ctx context.Context, u *storage.User, password string) error {
	if u.PasswordHash != "" {
		ok, _, err := a.Hasher.Verify(ctx, u.PasswordHash, password)
		if ok || err != nil {
			return err
		}
	}
	hash, err := a.Hasher.Hash(ctx, password)
	u.PasswordHash = hash
	return err
}

func sameUser(old, want storage.User) bool {
	a, b := slices.Sorted(slices.Values(old.Identifiers)), slices.Sorted(slices.Values(want.Identifiers))
	return slices.Equal(a, b) && old.PasswordHash == want.PasswordHash && same(old.Claims, want.Claims) &&
		old.DisabledAt.IsZero() == want.DisabledAt.IsZero()
}

func action(exists, equal bool) Action {
	switch {
	case !exists:
		return Created
	case equal:
		return Unchanged
	default:
		return Updated
	}
}

func (a *Applier) save(c Change, save func() error) error {
	if a.DryRun || c.Action == Unchanged {
		return nil
	}
	return save()
}

// same compares what is stored as JSON as JSON: a database may write it anew.
func same(a, b any) bool {
	var values [2]any
	for i, v := range []any{a, b} {
		encoded, err := json.Marshal(v)
		if err != nil || json.Unmarshal(encoded, &values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
