package e2e

import (
	"database/sql"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

// OpenID Connect Core §10.1.1: whoever rotates the keys of a provider that runs, or
// of one that is stopped, finds the new ones in the JWK Set a second later, beside
// those that sign. These go on signing for as long as copies of the set are used,
// and what they have signed is good after that.
func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		tokens := p.Tokens(t)
		first := p.published(t)

		p.rotate(t)
		second := p.gains(t, first)
		p.signedBy(t, p.Tokens(t), first)
		p.waitForSwitch(t)
		within(t, 1500*time.Millisecond, "the new keys sign", func() bool {
			p.published(t) // who asks makes it look
			return !slices.Contains(first, kid(t, p.Tokens(t), "id_token"))
		})
		p.signedBy(t, p.Tokens(t), second)
		p.verifies(t, tokens)

		if code := p.stop(t); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		p.rotate(t)
		p.waitForSwitch(t)
		p.start(t)
		third := p.gains(t, append(first, second...))
		p.signedBy(t, p.Tokens(t), third)
		p.verifies(t, tokens)
	})
}

// rotate does what an operator does.
func (p *provider) rotate(t *testing.T) {
	t.Helper()
	run(t, p.dir, p.env, program("gatelodge"), "key", "rotate")
}

// published are the kids of the keys to verify with.
func (p *provider) published(t *testing.T) []string {
	t.Helper()
	var kids []string
	for _, key := range p.keySet(t).Keys {
		if key.Use == "sig" {
			kids = append(kids, key.KeyID)
		}
	}
	return kids
}

func (p *provider) keySet(t *testing.T) (set jose.JSONWebKeySet) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.Get(t, p.client(t), "/.well-known/jwks.json").Body), &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// gains waits until a key is published beside each of these and returns the new
// ones.
func (p *provider) gains(t *testing.T, old []string) (added []string) {
	t.Helper()
	within(t, 1500*time.Millisecond, "new keys are published", func() bool {
		kids := p.published(t)
		added = slices.DeleteFunc(slices.Clone(kids), func(kid string) bool { return slices.Contains(old, kid) })
		for _, kid := range old {
			if !slices.Contains(kids, kid) {
				t.Fatalf("the key %s is not published any more", kid)
			}
		}
		return len(added) > 0
	})
	return added
}

// signedBy checks whose the signatures are.
func (p *provider) signedBy(t *testing.T, tokens providertest.Tokens, kids []string) {
	t.Helper()
	for _, name := range []string{"id_token", "access_token"} {
		if got := kid(t, tokens, name); !slices.Contains(kids, got) {
			t.Errorf("the %s is signed by %s, want one of %v", name, got, kids)
		}
	}
	p.verifies(t, tokens)
}

// kid tells which key a token is signed with.
func kid(t *testing.T, tokens providertest.Tokens, name string) string {
	t.Helper()
	header, _ := providertest.JWT(t, tokens.Get(name))
	kid, ok := header["kid"].(string)
	if !ok {
		t.Fatalf("the %s has the header %v", name, header)
	}
	return kid
}

// verifies checks the signatures, ours and as a client does.
func (p *provider) verifies(t *testing.T, tokens providertest.Tokens) {
	t.Helper()
	if !p.Works(t, tokens) {
		t.Error("the access token does not work")
	}
	jws, err := jose.ParseSignedCompact(tokens.Get("id_token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jws.Verify(p.keySet(t)); err != nil {
		t.Errorf("the ID token: %v", err)
	}
}

// waitForSwitch lets the ten minutes pass until the new keys sign: it sets all times
// of keys back.
func (p *provider) waitForSwitch(t *testing.T) {
	t.Helper()
	if p.database == "" {
		db, err := sql.Open("sqlite", p.file())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), `UPDATE signing_keys SET created_at = created_at - 600000000,
			active_at = active_at - 600000000, retired_at = retired_at - 600000000`); err != nil {
			t.Fatal(err)
		}
		return
	}
	conn, err := pgx.Connect(t.Context(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `UPDATE signing_keys SET created_at = created_at - interval '10 minutes',
		active_at = active_at - interval '10 minutes', retired_at = retired_at - interval '10 minutes'`); err != nil {
		t.Fatal(err)
	}
}
