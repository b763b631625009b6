package account

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// judged is how many characters of a password are looked at to judge it: beyond it
// it is strong enough, whatever follows.
const judged = 64

// Of what a guess consists, in bits.
const (
	bitsCharacter = 3.33 // a character that nothing tells, as zxcvbn counts it
	bitsAbout     = 2    // something that is known of the person
	bitsDate      = 15   // a day in the last century or so
	bitsYear      = 7
	bitsRow       = 5 // where a sequence begins and in which direction it goes
)

// judgement is how hard a password is to guess.
type judgement struct {
	// bits is the logarithm of how many guesses it takes.
	bits float64
	// about and common: they count something that is known of the person, or
	// that is common.
	about, common bool
}

// Strength tells how hard a password is to guess, from 0 (at once) to 4 (not in a
// lifetime, even with the hash at hand), in zxcvbn's steps. About is what is known of
// the person, such as their name and e-mail address.
func Strength(password string, about ...string) int {
	guesses := judge(password, wordsOf(about)).bits
	for strength, limit := range [...]float64{1e3, 1e6, 1e8, 1e10} {
		if guesses < math.Log2(limit) {
			return strength
		}
	}
	return 4
}

// judge finds the cheapest way to put the password together of what is easy to guess
// and of characters: a way to the end of it for each of its beginnings.
func judge(password string, about []string) judgement {
	t := newTrial(password, about)
	best := make([]judgement, len(t.folded)+1)
	for end := 1; end < len(best); end++ {
		best[end] = best[end-1].and(judgement{bits: bitsCharacter})
		for begin := end - 2; begin >= max(0, end-maxPiece); begin-- {
			piece, ok := t.piece(begin, end)
			if whole := best[begin].and(piece); ok && whole.bits < best[end].bits {
				best[end] = whole
			}
		}
		for unit := 1; unit <= maxPiece && 2*unit <= end; unit++ {
			if whole, ok := repeated(t.folded[:end], unit, best); ok && whole.bits < best[end].bits {
				best[end] = whole
			}
		}
	}
	return best[len(best)-1]
}

// trial is a password that is being judged: as it was written, folded, and in the
// other ways in which somebody could have written it, of which all have its length.
type trial struct {
	written, folded, plain, backwards []rune
	about                             []string
}

func newTrial(password string, about []string) *trial {
	written, folded := []rune(password), []rune(FoldPassword(password))
	if len(written) != len(folded) {
		written = folded
	}
	written, folded = written[:min(len(written), judged)], folded[:min(len(folded), judged)]
	t := &trial{written: written, folded: folded, plain: slices.Clone(folded), backwards: slices.Clone(folded), about: about}
	for i, r := range folded {
		if letter, ok := unleet(r); ok {
			t.plain[i] = letter
		}
	}
	slices.Reverse(t.backwards)
	return t
}

func (j judgement) and(next judgement) judgement {
	return judgement{bits: j.bits + next.bits, about: j.about || next.about, common: j.common || next.common}
}

// maxPiece is how many characters are looked at as one.
const maxPiece = 24

// repeated judges a password that ends by repeating its last characters, so many:
// the first time counts as what it is, the others hardly.
func repeated(written []rune, unit int, best []judgement) (judgement, bool) {
	begin := len(written) - unit
	for begin >= unit && slices.Equal(written[begin-unit:begin], written[len(written)-unit:]) {
		begin -= unit
	}
	times := (len(written) - begin) / unit
	if times < 2 {
		return judgement{}, false
	}
	return best[begin+unit].and(judgement{bits: math.Log2(float64(times))}), true
}

// piece judges several characters as one.
func (t *trial) piece(begin, end int) (judgement, bool) {
	folded := string(t.folded[begin:end])
	switch {
	case inRow(folded):
		return judgement{bits: bitsRow + math.Log2(float64(len(folded)))}, true
	case isYear(folded):
		return judgement{bits: bitsYear}, true
	case isDate(folded):
		return judgement{bits: bitsDate}, true
	}
	backwards := t.backwards[len(t.folded)-end : len(t.folded)-begin]
	for i, form := range [...]string{folded, string(t.plain[begin:end]), string(backwards)} {
		known, ok := judgeWord(form, t.about)
		if ok {
			known.bits += spellingBits(t.written[begin:end]) + min(float64(i), 1)
			return known, true
		}
	}
	return judgement{}, false
}

func judgeWord(word string, about []string) (judgement, bool) {
	if slices.Contains(about, word) {
		return judgement{bits: bitsAbout, about: true}, true
	}
	bits, ok := commonBits(word)
	return judgement{bits: bits, common: true}, ok
}

// spellingBits is what it takes to guess which letters are capitals.
func spellingBits(piece []rune) float64 {
	capitals, letters := 0, 0
	for _, r := range piece {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsUpper(r) {
			capitals++
		}
	}
	switch {
	case capitals == 0:
		return 0
	case capitals == letters, capitals == 1 && unicode.IsUpper(piece[0]):
		return 1
	}
	return 1 + float64(min(capitals, letters-capitals))
}

// unleet returns the letter that people write the character for.
func unleet(r rune) (rune, bool) {
	i := strings.IndexRune("01!34@5$7+89", r)
	if i < 0 {
		return 0, false
	}
	return rune("oiieaassttbg"[i]), true
}

// rows are what a finger or the mind goes along.
const rows = "abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop qwertzuiop azertyuiop asdfghjkl zxcvbnm yxcvbnm " +
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"

const rowsBackwards = "p0lo9ki8mju7nhy6bgt5vfr4cde3xsw2zaq1 " +
	"mnbvcxy mnbvcxz lkjhgfdsa poiuytreza poiuztrewq poiuytrewq 09876543210 zyxwvutsrqponmlkjihgfedcba"

func inRow(piece string) bool {
	return len(piece) > 2 && !strings.Contains(piece, " ") &&
		(strings.Contains(rows, piece) || strings.Contains(rowsBackwards, piece))
}

func isYear(piece string) bool {
	return len(piece) == 4 && isDigits(piece) && (strings.HasPrefix(piece, "19") || strings.HasPrefix(piece, "20"))
}

func isDate(piece string) bool {
	layouts := []string{"02012006", "01022006", "20060102"}
	switch {
	case len(piece) == 6:
		layouts = []string{"020106", "010206", "060102"}
	case len(piece) != 8:
		return false
	}
	for _, layout := range layouts {
		if day, err := time.Parse(layout, piece); err == nil && day.Year() > 1900 && day.Year() < 2070 {
			return true
		}
	}
	return false
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// wordsOf returns what somebody who knows all that would try: each whole, and each of
// its words.
func wordsOf(about []string) []string {
	var words []string
	for _, text := range about {
		folded := FoldPassword(strings.TrimSpace(text))
		pieces := strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range append(pieces, folded, strings.Join(pieces, "")) {
			if len([]rune(word)) > 2 {
				words = append(words, word)
			}
		}
		if local, _, isEmail := strings.Cut(folded, "@"); isEmail && len([]rune(local)) > 2 {
			words = append(words, local)
		}
	}
	return words
}
