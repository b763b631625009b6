package account

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// [NIST SP 800-63B-4 §3.1.1.2]: length and a list of what is easily guessed, and no
// rule on what a password is composed of.
//
// [NIST SP 800-63B-4 §3.1.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
func TestPolicyAsksForLengthAndNoComposition(t *testing.T) {
	t.Parallel()
	about := []string{"Ada Lovelace", "ada.lovelace@analytical.example"}
	policy := Policy{Product: []string{"Acme Accounts", "login.acme.example"}}
	for password, want := range map[string]error{
		// Whatever people write, as long as it is hard to guess.
		"correct horse battery staple": nil,
		"wvqkzjxt":                     nil,
		"\u043f\u0430\u0440\u043e\u043b\u044c \u0438\u0437 \u0447\u0435\u0442\u044b\u0440\u0451\u0445 \u0441\u043b\u043e\u0432": nil,
		"\U0001F40E\U0001F50B\U0001F4CE\U0001FA9C\U0001F9ED\U0001FA81\U0001F3BB\U0001FAD6":                                      nil,
		"\u9577\u3044\u5408\u8a00\u8449\u3092\u4f7f\u3044\u307e\u3059":                                                          nil,
		"     x     y  kq":                                   nil,
		strings.Repeat("q7 ", 21) + "!":                      ErrPasswordSimple,
		strings.Repeat("long password, hard to guess; ", 33): nil,

		"":                             ErrPasswordUnusable,
		strings.Repeat("x", 1001):      ErrPasswordUnusable,
		"with a \x00 NUL":              ErrPasswordUnusable,
		"not UTF-8: \xff\xff\xff":      ErrPasswordUnusable,
		"wvqkzjx":                      ErrPasswordShort,
		"e\u0301e\u0301e\u0301e\u0301": ErrPasswordShort, // four letters

		"password":     ErrPasswordCommon,
		"Password1!":   ErrPasswordCommon,
		"PASSWORD2024": ErrPasswordCommon,
		"p@ssw0rd123":  ErrPasswordCommon,
		"drowssap":     ErrPasswordCommon,
		"iloveyou":     ErrPasswordCommon,
		"qwerty123":    ErrPasswordCommon,
		"correcthorse": nil, // two words: 4chan's, but not on a list of passwords
		"\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44": ErrPasswordCommon, // full width

		"ada.lovelace":       ErrPasswordPersonal,
		"Lovelace1815":       ErrPasswordPersonal,
		"adalovelace":        ErrPasswordPersonal,
		"4d4l0v3l4c3":        ErrPasswordPersonal,
		"AdaAnalytical":      ErrPasswordPersonal,
		"gatelodge1":         ErrPasswordPersonal,
		"acmeaccounts":       ErrPasswordPersonal,
		"login.acme.example": ErrPasswordPersonal,

		"aaaaaaaaaaaa":   ErrPasswordSimple,
		"abcdefghijkl":   ErrPasswordSimple,
		"9876543210":     ErrPasswordSimple,
		"24121985":       ErrPasswordSimple,
		"xqxqxqxqxqxqxq": ErrPasswordSimple,
	} {
		if got := policy.Check(password, about...); !errors.Is(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%.40q: %v, want %v (%.1f bits)", password, got, want, judge(password, wordsOf(policy.known(about))).bits)
		} else if got != nil && !errors.Is(got, ErrPassword) {
			t.Errorf("%.40q: %v is no ErrPassword", password, got)
		}
	}
}

// ux.md 12: the strength is judged on the server, in five steps.
func TestStrengthGrowsWithWhatItTakesToGuess(t *testing.T) {
	t.Parallel()
	about := []string{"Ada Lovelace"}
	for strength, passwords := range [][]string{
		{"", "123456", "password", "monkeydragon", "lovelace1", "aaaaaaaaaaaaaaaaaaaaaaaa"},
		{"lovelace-1985"},
		{"wvqkzjx"},
		{"wvqkzjxtq"},
		{"correct horse battery staple", "wvqkzjxt5b2nm", strings.Repeat("x7!q", 2) + "mountain violet"},
	} {
		for _, password := range passwords {
			if got := Strength(password, about...); got != strength {
				t.Errorf("%q: %d, want %d (%.1f bits)", password, got, strength, judge(password, wordsOf(about)).bits)
			}
		}
	}
}

// Whatever somebody enters is judged, and more of it is never easier to guess.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{"", "password", "ǅ İ ß ﬃ", "\xff\xfe", strings.Repeat("ab", 600), "19851985", "a\u0301a\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, password string) {
		verdict := judge(password, []string{"ada"})
		if verdict.bits < 0 || verdict.bits > judged*bitsCharacter+1 {
			t.Errorf("%q takes %f bits", password, verdict.bits)
		}
		if longer := judge(password+"\u2603", []string{"ada"}); utf8.ValidString(password) && len([]rune(FoldPassword(password))) < judged && longer.bits < verdict.bits-5 {
			t.Errorf("%q: %f bits, with one more character %f", password, verdict.bits, longer.bits)
		}
	})
}

// The list is what the generator made: sorted, or it would not be searched well, and
// without a hash twice.
func TestEmbeddedListIsInOrder(t *testing.T) {
	t.Parallel()
	if len(commonList)%commonEntry != 0 || len(commonList) < 80_000*commonEntry {
		t.Fatalf("it is %d bytes", len(commonList))
	}
	for at := commonEntry; at < len(commonList); at += commonEntry {
		if commonList[at-commonEntry:at-1] >= commonList[at:at+commonHash] {
			t.Fatalf("entry %d is out of order", at/commonEntry)
		}
	}
}

// What is not on the list is hardly ever taken for it: a refusal without a reason.
func TestListHasFewFalseHits(t *testing.T) {
	t.Parallel()
	hits := 0
	for i := range 200_000 {
		if _, hit := commonBits("not on any list " + strconv.Itoa(i)); hit {
			hits++
		}
	}
	if hits > 25 { // 4 are expected
		t.Errorf("%d of 200000 are taken for common ones", hits)
	}
}

// The list that is embedded is encoded by what reads it, the more common first.
func TestCommonListKeepsTheRank(t *testing.T) {
	t.Parallel()
	first, ok := commonBits("123456")
	other, known := commonBits("clicking")
	if !ok || !known || first >= other {
		t.Errorf("123456 takes %v bits (%v), clicking %v (%v)", first, ok, other, known)
	}
	if got := EncodeCommon(map[string]int{"b": 900, "a": 0}); len(got) != 2*commonEntry {
		t.Errorf("two entries take %d bytes", len(got))
	}
}
