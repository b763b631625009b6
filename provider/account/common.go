package account

import (
	_ "embed" // for the list
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

//go:generate go run ./buildcommon common.bin passwords.json common-passwords.txt.gz popular.json

// commonList holds passwords that others were seen to use, and words: for each the
// beginning of its hash and how common it is. What is not in the list is taken for
// something in it once in fifty thousand times.
//
//go:embed common.bin
var commonList string

// commonEntry is the length of an entry: a hash, big-endian, so that they can be
// compared as text, and the logarithm of the rank to base 2.
const commonEntry, commonHash = 5, 4

// FoldPassword is the form in which passwords are compared with those that are
// common: how they are written matters little to whoever guesses.
func FoldPassword(password string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(password)))
}

// EncodeCommon is the form of the list that is embedded, from the rank of each
// folded password.
func EncodeCommon(ranks map[string]int) []byte {
	entries := make([]string, 0, len(ranks))
	for folded, rank := range ranks {
		entries = append(entries, string(append(hashCommon(folded), byte(bits.Len(uint(rank)))))) //nolint:gosec // at most 64
	}
	slices.Sort(entries)
	// Of two with the same hash the more common one, which sorts first, stays.
	entries = slices.CompactFunc(entries, func(a, b string) bool { return a[:commonHash] == b[:commonHash] })
	return []byte(strings.Join(entries, ""))
}

// commonBits returns how many bits it takes to guess the folded password because
// it is common, and whether it is.
func commonBits(folded string) (float64, bool) {
	key := string(hashCommon(folded))
	low, high := 0, len(commonList)/commonEntry
	for low < high {
		middle := (low + high) / 2
		switch at := middle * commonEntry; strings.Compare(commonList[at:at+commonHash], key) {
		case 0:
			return float64(commonList[at+commonHash]), true
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, false
}

func hashCommon(folded string) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(folded)) // never fails
	// The high half of a short text's FNV hash has seen the least of it.
	sum := h.Sum64()
	return binary.BigEndian.AppendUint32(nil, uint32(sum^sum>>32)) //nolint:gosec // the half that is wanted
}
