// Package randx holds the random helper of ory/x that fosite calls.
package randx

import (
	"crypto/rand"
	"math/big"
)

// AlphaUpper is the alphabet A–Z.
var AlphaUpper = []rune("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

// RuneSequence returns length random runes of the alphabet.
func RuneSequence(length int, alphabet []rune) ([]rune, error) {
	sequence := make([]rune, length)
	for i := range sequence {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return nil, err
		}
		sequence[i] = alphabet[n.Int64()]
	}
	return sequence, nil
}
