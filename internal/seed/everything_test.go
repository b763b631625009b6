package seed_test

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/gatelodge/gatelodge/internal/seed"
	"github.com/gatelodge/gatelodge/internal/strictyaml"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

//go:embed testdata/everything.yaml
var everything string

// A certification run needs no manual step: one file sets up clients with every
// member of their metadata, a given client_id and client_secret, and a person
// with every standard claim of OpenID Connect Core §5.1.
func TestEveryFieldCanBeApplied(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	a.Policy = client.Policy{Signing: []string{"RS256", "ES256"}, Implicit: true}
	for _, want := range []seed.Action{seed.Created, seed.Unchanged} {
		for name, c := range apply(t, a, everything) {
			if c.Action != want || c.Name == "everything" && c.Secret != "" {
				t.Errorf("%s: %+v, want %s", name, c, want)
			}
		}
	}
	var document struct {
		Clients, Users []map[string]any
	}
	if err := yaml.Unmarshal([]byte(everything), &document); err != nil {
		t.Fatal(err)
	}
	sam, err := a.Store.FindUser(t.Context(), "sam-1")
	if err != nil {
		t.Fatal(err)
	}
	registered := map[string]bool{}
	for _, want := range document.Clients {
		id, _ := want["client_id"].(string)
		got, err := a.Store.FindClient(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if secret, ok := want["client_secret"].(string); ok &&
			!slices.Equal(got.SecretHash, client.HashSecret(a.Secrets, id, secret)) {
			t.Errorf("%s has another secret", id)
		}
		compare(t, want, got.Metadata, registered, "client_id", "client_secret")
	}
	compare(t, document.Users[0], sam.Claims, registered, "sub", "username", "password")
	for _, record := range []any{storage.ClientMetadata{}, storage.Claims{}} {
		for field := range reflect.TypeOf(record).Fields() {
			if name := strictyaml.Name(field); !registered[name] {
				t.Errorf("%s was not applied", name)
			}
		}
	}
}

// compare checks that what was stored is what the entry says, but for the keys
// that are stored elsewhere, and notes which members that has proven.
func compare(t *testing.T, entry map[string]any, stored any, seen map[string]bool, elsewhere ...string) {
	t.Helper()
	for _, key := range elsewhere {
		delete(entry, key)
	}
	// What these look like to YAML otherwise is no text.
	for _, key := range []string{"birthdate", "phone_number"} {
		if entry[key] != nil {
			entry[key] = line(key)
		}
	}
	want, got := asJSON(t, entry), asJSON(t, stored)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name := range got {
		seen[name] = true
	}
}

// line is the value in the file as it is written there.
func line(key string) string {
	_, rest, _ := strings.Cut(everything, key+": ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

func asJSON(t *testing.T, value any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(encoded, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// OpenID Connect Core §5.1: what applications could not read is refused, with the
// line that it is on.
func TestClaimsThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	for entry, right := range map[string]bool{
		"birthdate: 1990":                    true,
		"birthdate: 1990-02-28":              true,
		"birthdate: 0000-02-29":              true,
		"birthdate: 1990-02-29":              false,
		"birthdate: 28.02.1990":              false,
		`birthdate: "0000"`:                  false,
		"zoneinfo: Europe/Paris":             true,
		"zoneinfo: UTC":                      true,
		"zoneinfo: UTC+2 or so":              false,
		"locale: de":                         true,
		"locale: zh-Hant-TW":                 true,
		"locale: en_US":                      false,
		"locale: English":                    false,
		"email: kim@example.com":             true,
		"email: kim":                         false,
		"email: '@example.com'":              false,
		"picture: https://kim.example/me":    true,
		"picture: javascript:alert(1)":       false,
		"website: kim.example":               false,
		`name: "Kim\nAdmin"`:                 false,
		`name: "Kim\0"`:                      false,
		`address: {formatted: "a\nb"}`:       true,
		`address: {country: "a\0"}`:          false,
		"updated_at: 0":                      false,
		"name: " + strings.Repeat("a", 1025): false,
	} {
		_, err := a.Apply(t.Context(), []byte("users:\n  - username: kim\n    "+entry+"\n"))
		if (err == nil) != right || err != nil && !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%s: got %v", entry, err)
		}
	}
}
