package account

import (
	"net/netip"
	"strings"
	"testing"
)

// What looks alike is one identifier, counted and found as one.
func TestIdentifiersThatLookAlikeAreOne(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"ada@example.com": {"ada@example.com", " Ada@Example.COM\t", "ＡＤＡ＠example．com", "\u00a0ada@example.com"},
		"strasse":         {"Straße", "STRASSE"},
		"\u00e9lan":       {"\u00e9lan", "e\u0301lan", "E\u0301LAN", "\u00c9LAN"},
		"fi":              {"\ufb01", "FI"},
		"σοφοσ":           {"Σοφος", "σοφοσ"},
	} {
		for _, spelling := range spellings {
			if got, err := Normalise(spelling); got != want || err != nil {
				t.Errorf("Normalise(%q) = %q, %v, want %q", spelling, got, err, want)
			}
		}
	}
}

func TestUnusableIdentifiersAreRefused(t *testing.T) {
	t.Parallel()
	for name, identifier := range map[string]string{
		"empty": "", "space": " \t", "NUL": "ada\x00", "newline": "a\nb", "inner space": "ada lovelace",
		"invalid UTF-8": "ada\xff", "replacement character": "ada\ufffd", "too long": strings.Repeat("a", 255), "far too long": strings.Repeat(" ", 1<<16) + "b",
		"zero-width space": "a\u200bda", "zero-width joiner": "a\u200dda", "right-to-left override": "\u202eada",
		"soft hyphen": "a\u00adda", "hangul filler": "a\u3164da", "variation selector": "a\ufe0fda", "private use": "a\ue000",
		"grapheme joiner": "a\u034fda",
	} {
		got, err := Normalise(identifier)
		if err == nil {
			t.Errorf("%s: %q", name, got)
		} else if strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: the error repeats the input: %v", name, err)
		}
	}
	if _, err := Normalise(strings.Repeat("a", 254)); err != nil {
		t.Errorf("254 bytes: %v", err)
	}
}

// A stored identifier is in the form that it is looked up in.
func FuzzNormalisingAgainChangesNothing(f *testing.F) {
	for _, seed := range []string{"Ada@Example.com", "Straße", "e\u0301", "\u0345\u03b1", "ﬁ", "\u1e9e", "ᾳ\u0313", "ǰ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, identifier string) {
		once, err := Normalise(identifier)
		if err != nil {
			return
		}
		if twice, err := Normalise(once); err != nil || twice != once {
			t.Errorf("%q → %q → %q, %v", identifier, once, twice, err)
		}
	})
}

func TestNetworkIsWhatOneHouseholdHas(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::ffff":   "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"::1":                  "::1/128",
	} {
		if got := Network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Network(%s) = %q, want %q", addr, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("no address is %q", got)
	}
}
