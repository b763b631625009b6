package seed_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/seed"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

func newApplier(t *testing.T) *seed.Applier {
	t.Helper()
	secrets, err := secret.New("a master secret for tests, 32 bytes or more")
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := account.NewHasher(account.Argon2{MemoryKiB: 8, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &seed.Applier{
		Store: providertest.SQLite(t), Secrets: secrets, Hasher: hasher,
		Policy: client.Policy{Signing: []string{"RS256", "ES256"}, Implicit: true},
		Now:    func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Lookup: func(string) (string, bool) { return "", false },
	}
}

func apply(t *testing.T, a *seed.Applier, document string) map[string]seed.Change {
	t.Helper()
	changes, err := a.Apply(t.Context(), []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]seed.Change{}
	for _, c := range changes {
		byName[c.Name] = c
	}
	return byName
}

// kim is the person that the documents of these tests are about.
func kim(t *testing.T, a *seed.Applier) storage.User {
	t.Helper()
	u, err := a.Store.FindUserByIdentifier(t.Context(), "kim")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDemoDataIsRightAndStays(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	a.KeepUsers = true
	for _, want := range []seed.Action{seed.Created, seed.Unchanged} {
		for name, c := range apply(t, a, string(seed.Demo())) {
			if c.Action != want {
				t.Errorf("%s %s: %s, want %s", c.Kind, name, c.Action, want)
			}
		}
	}
}

// A hash is imported once: when the person has signed in it has been replaced by
// one of ours, and to apply the file again must not bring the old one back.
func TestImportedHashIsTakenOnce(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	const document = "users:\n  - username: kim\n    password_hash: $2b$04$vN2TK.2oB3ghAdBsoEGMYuGBqjLHZdHEGaFVOPm2dZ/aF0OGfGjHC\n"
	apply(t, a, document)
	imported := kim(t, a)
	if err := a.Store.ReplacePasswordHash(t.Context(), imported.ID, imported.PasswordHash, "upgraded"); err != nil {
		t.Fatal(err)
	}
	if c := apply(t, a, document)["kim"]; c.Action != seed.Unchanged || kim(t, a).PasswordHash != "upgraded" {
		t.Errorf("%s, hash %q", c.Action, kim(t, a).PasswordHash)
	}
}

// The same password hashes to another value each time, and is no change.
func TestSamePasswordIsNoChange(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - username: kim\n    password: one-good-password\n")
	before := kim(t, a).PasswordHash
	apply(t, a, "users:\n  - username: kim\n    password: one-good-password\n")
	if kim(t, a).PasswordHash != before {
		t.Error("the hash has changed, which ended the person's sessions")
	}
	if c := apply(t, a, "users:\n  - username: kim\n    password: a-better-password\n")["kim"]; c.Action != seed.Updated {
		t.Errorf("another password: %s", c.Action)
	}
}

// What the file does not say of a person stays: who they are, and since when.
func TestPersonKeepsTheirSub(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - sub: kim-1\n    username: kim\n    email: kim@example.com\n")
	apply(t, a, "users:\n  - username: kim\n    name: Kim Sample\n    disabled: true\n")
	u := kim(t, a)
	if u.ID != "kim-1" || u.Claims.Name != "Kim Sample" || u.DisabledAt.IsZero() {
		t.Errorf("got %+v", u)
	}
	if _, err := a.Apply(t.Context(), []byte("users:\n  - sub: other\n    username: kim\n")); err == nil {
		t.Error("a sub was changed")
	}
}

// Who was disabled since the file was last applied stays so, unless it says
// otherwise.
func TestApplyAgainDoesNotLetADisabledPersonIn(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - username: kim\n")
	u := kim(t, a)
	u.DisabledAt = a.Now()
	if err := a.Store.SaveUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if c := apply(t, a, "users:\n  - username: kim\n")["kim"]; c.Action != seed.Unchanged || kim(t, a).DisabledAt.IsZero() {
		t.Errorf("%s, disabled at %s", c.Action, kim(t, a).DisabledAt)
	}
	apply(t, a, "users:\n  - username: kim\n    disabled: false\n")
	if !kim(t, a).DisabledAt.IsZero() {
		t.Error("the person was not enabled")
	}
}

// The sub names the person whatever else the file changes: they keep their
// password under another name.
func TestSubFindsThePerson(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - sub: kim-1\n    username: kimberly\n    password: one-good-password\n")
	c := apply(t, a, "users:\n  - sub: kim-1\n    username: kim\n")["kim"]
	if c.Action != seed.Updated || kim(t, a).PasswordHash == "" {
		t.Errorf("%s, hash %q", c.Action, kim(t, a).PasswordHash)
	}
}

// So does an email address that the person has signed in with so far.
func TestEmailFindsThePerson(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - sub: kim-1\n    email: kim@example.com\n")
	c := apply(t, a, "users:\n  - username: kim\n    email: kim@example.com\n")["kim"]
	if c.Action != seed.Updated || kim(t, a).ID != "kim-1" {
		t.Errorf("%s, sub %q", c.Action, kim(t, a).ID)
	}
}

// A client that registered itself and that the file names is the operator's: it
// stays, and no longer manages itself.
func TestApplyTakesAClientOver(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	const document = "clients:\n  - client_id: self\n    token_endpoint_auth_method: none\n    redirect_uris: [https://a.example]\n"
	apply(t, a, document)
	c, err := a.Store.FindClient(t.Context(), "self")
	if err != nil {
		t.Fatal(err)
	}
	c.RegistrationHash, c.ExpiresAt = storage.HashOf("token"), a.Now().Add(time.Hour)
	if err := a.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	change := apply(t, a, document)["self"]
	c, err = a.Store.FindClient(t.Context(), "self")
	if err != nil {
		t.Fatal(err)
	}
	if change.Action != seed.Updated || c.RegistrationHash != (storage.Hash{}) || !c.ExpiresAt.IsZero() {
		t.Errorf("%s, %+v", change.Action, c)
	}
}

// One person cannot be given another's name, which a dry run tells as well.
func TestEntryIsAboutOnePerson(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	apply(t, a, "users:\n  - {sub: kim-1, username: kim}\n  - {sub: lee-1, username: lee}\n")
	a.DryRun = true
	_, err := a.Apply(t.Context(), []byte("users:\n  - {sub: lee-1, username: kim}\n"))
	if err == nil || !strings.Contains(err.Error(), "is about two people") {
		t.Errorf("got %v", err)
	}
}

// A client's secret is made once and then stays.
func TestMadeSecretStays(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	const document = "clients:\n  - client_id: app\n    redirect_uris: [https://app.example/cb]\n"
	if c := apply(t, a, document)["app"]; c.Action != seed.Created || len(c.Secret) != 43 {
		t.Errorf("got %+v", c)
	}
	if c := apply(t, a, document)["app"]; c.Action != seed.Unchanged || c.Secret != "" {
		t.Errorf("the second time: %+v", c)
	}
}

// No fault shows a secret, and a file with a fault changes nothing.
func TestFaultsChangeNothing(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	_, err := a.Apply(t.Context(), []byte("scopes:\n  - name: notes\n    description: read\nclients:\n"+
		"  - client_id: app\n    client_secret: too-short-secret\n    redirect_uris: [https://app.example/cb]\n"))
	if err == nil {
		t.Fatal("accepted")
	}
	if got := err.Error(); strings.Contains(got, "too-short-secret") {
		t.Errorf("got %q", got)
	}
	catalogue, err := a.Store.Catalogue(t.Context())
	if err != nil || len(catalogue.Scopes) != 0 {
		t.Errorf("%+v, %v", catalogue, err)
	}
}

// NIST SP 800-63B-4 §3.1.1.2, for those as well whom the operator makes: a password
// that is easily guessed is a fault, and is not shown.
func TestPasswordsFromAFileFollowThePolicy(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	a.Passwords = &account.Policy{}
	for _, password := range []string{"kim-sample", "Password1!", "wvqkzj"} {
		_, err := a.Apply(t.Context(), []byte("users:\n  - username: kim\n    name: Kim Sample\n    password: "+password+"\n"))
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got %v", password, err)
		}
	}
	apply(t, a, "users:\n  - username: kim\n    name: Kim Sample\n    password: one-good-password\n")
}
