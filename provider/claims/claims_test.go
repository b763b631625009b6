package claims_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/storage"
)

func person() *storage.User {
	return &storage.User{
		Claims: storage.Claims{
			Name: "Alex Sample", GivenName: "Alex", FamilyName: "Sample", MiddleName: "B.", Nickname: "Al",
			PreferredUsername: "alex", Profile: "https://a.example/p", Picture: "https://a.example/i",
			Website: "https://a.example", Gender: "x", Birthdate: "2000-01-01", Zoneinfo: "Europe/Paris", Locale: "en",
			Email: "alex@example.com", PhoneNumber: "+15550100", PhoneNumberVerified: true,
			Address: &storage.Address{Country: "NL"},
		},
		UpdatedAt: time.Unix(1700000000, 0),
	}
}

func released(scopes ...string) map[string]any {
	set := map[string]any{}
	claims.Add(set, person(), scopes)
	return set
}

// OpenID Connect Core §5.4: each scope releases its own claims and no others.
func TestScopeReleasesItsOwnClaims(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]map[string]any{
		"openid":         {},
		"offline_access": {},
		"unknown":        {},
		"email":          {"email": "alex@example.com", "email_verified": false},
		"phone":          {"phone_number": "+15550100", "phone_number_verified": true},
		"address":        {"address": &storage.Address{Country: "NL"}},
		"profile": {
			"name": "Alex Sample", "given_name": "Alex", "family_name": "Sample", "middle_name": "B.",
			"nickname": "Al", "preferred_username": "alex", "profile": "https://a.example/p",
			"picture": "https://a.example/i", "website": "https://a.example", "gender": "x",
			"birthdate": "2000-01-01", "zoneinfo": "Europe/Paris", "locale": "en", "updated_at": int64(1700000000),
		},
	} {
		if diff := cmp.Diff(want, released(scope)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

// OpenID Connect Core §5.3.2: a claim without a value is left out, not null.
func TestClaimWithoutValueIsLeftOut(t *testing.T) {
	t.Parallel()
	set := map[string]any{}
	claims.Add(set, &storage.User{UpdatedAt: time.Unix(1, 0)}, claims.Scopes())
	if diff := cmp.Diff(map[string]any{"updated_at": int64(1)}, set); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// OpenID Connect Discovery §3: claims_supported names what can be released.
func TestSupportedClaimsAreThoseThatScopesRelease(t *testing.T) {
	t.Parallel()
	for name := range released(claims.Scopes()...) {
		if !slices.Contains(claims.Supported(), name) {
			t.Errorf("%s is released and not advertised", name)
		}
	}
	if got, want := len(claims.Supported()), len(released(claims.Scopes()...))+1; got != want { // and sub
		t.Errorf("%d claims are advertised, %d can be released", got, want)
	}
}
