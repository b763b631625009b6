package claims_test

import (
	"slices"
	"testing"

	"github.com/gatelodge/gatelodge/provider/claims"
)

// A password is less than two factors, and those less than two that nobody can be
// talked out of; of a mailed link alone nothing is promised.
func TestACRsHaveAnOrder(t *testing.T) {
	t.Parallel()
	for want, ways := range map[string][][]string{
		"":                          {nil, {"email"}, {"recovery"}, {"swk", "user"}},
		claims.ACRPassword:          {{"pwd"}},
		claims.ACRMultiFactor:       {{"pwd", "otp", "mfa"}, {"email", "otp", "mfa"}, {"pwd", "recovery", "mfa"}},
		claims.ACRPhishingResistant: {{"swk", "user", "mfa"}, {"pwd", "hwk", "user", "mfa"}},
	} {
		for _, amr := range ways {
			if got := claims.ACR(amr); got != want {
				t.Errorf("%v is %q, want %q", amr, got, want)
			}
		}
	}
	levels := []int{claims.Level("")}
	for _, acr := range claims.ACRValues() {
		levels = append(levels, claims.Level(acr))
	}
	if !slices.Equal(levels, []int{0, 1, 2, 3}) || claims.Level("urn:example") != 0 {
		t.Errorf("the levels are %v", levels)
	}
}
