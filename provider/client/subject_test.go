package client_test

import (
	"regexp"
	"testing"

	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

func pairwise(id string, redirectURIs ...string) *storage.Client {
	return &storage.Client{ID: id, Metadata: storage.ClientMetadata{SubjectType: "pairwise", RedirectURIs: redirectURIs}}
}

// OpenID Connect Core §8.1: the same within a sector, different between sectors
// and people, and never the id.
func TestPairwiseSubjectIsOfTheSector(t *testing.T) {
	t.Parallel()
	kim := &storage.User{ID: "kim", PairwiseSalt: []byte("salt of kim")}
	lee := &storage.User{ID: "lee", PairwiseSalt: []byte("salt of lee")}
	app := pairwise("app", "https://app.example/cb", "https://APP.example:8443/other")
	sub := client.Subject(app, kim)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(sub) {
		t.Errorf("sub is %q", sub)
	}
	shared := pairwise("shared", "https://elsewhere.example/cb", "https://third.example/cb")
	shared.Metadata.SectorIdentifierURI = "https://app.example/sector.json"
	if client.Subject(pairwise("sibling", "https://app.example/x"), kim) != sub || client.Subject(shared, kim) != sub {
		t.Error("clients of one sector do not know the same sub")
	}
	for name, other := range map[string]string{
		"another sector":    client.Subject(pairwise("other", "https://other.example/cb"), kim),
		"another person":    client.Subject(app, lee),
		"no sector":         client.Subject(pairwise("none"), kim),
		"no sector either":  client.Subject(pairwise("neither"), kim),
		"public":            client.Subject(&storage.Client{ID: "app"}, kim),
		"explicitly public": client.Subject(&storage.Client{Metadata: storage.ClientMetadata{SubjectType: "public"}}, lee),
	} {
		if other == sub {
			t.Errorf("%s: the same sub", name)
		}
	}
	if client.Subject(pairwise("none"), kim) == client.Subject(pairwise("neither"), kim) {
		t.Error("two clients without a sector share one")
	}
	if client.Subject(&storage.Client{ID: "app"}, kim) != "kim" {
		t.Error("a public sub is not the id")
	}
}

// OpenID Connect Core §8.1: with several hosts, the client has to name its sector.
func TestSectorHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		metadata storage.ClientMetadata
		want     string
	}{
		"one host":    {pairwise("", "https://a.example/1", "https://a.example/2").Metadata, "a.example"},
		"two hosts":   {pairwise("", "https://a.example/1", "https://b.example/2").Metadata, ""},
		"no host":     {pairwise("", "com.example.app:/callback").Metadata, ""},
		"no redirect": {storage.ClientMetadata{}, ""},
		// Nobody proves by these that the host is theirs.
		"an app's scheme": {pairwise("", "com.evil.app://app.example/cb").Metadata, ""},
		"this machine":    {pairwise("", "http://localhost/cb").Metadata, ""},
		"a sector": {storage.ClientMetadata{
			SectorIdentifierURI: "https://s.example/all", RedirectURIs: []string{"https://a.example/1", "https://b.example/2"},
		}, "s.example"},
	} {
		got, err := client.SectorHost(c.metadata)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
