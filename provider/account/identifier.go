package account

import (
	"errors"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxIdentifier is the longest identifier, in bytes of its normalised form: that
// of an email address, RFC 5321 §4.5.3.1.3.
const maxIdentifier = 254

// maxEntered is the longest identifier that is looked at: no usable one shrinks
// to less than a quarter when it is normalised.
const maxEntered = 4 * maxIdentifier

// Normalise returns the one form in which an identifier, a username or an email
// address, is stored, compared and counted: without space around it, case-folded
// and in NFKC, so that what looks the same is the same. Its errors do not
// repeat the input.
func Normalise(identifier string) (string, error) {
	switch {
	case len(identifier) > maxEntered:
		return "", errors.New("identifier: is longer than 254 bytes")
	case !utf8.ValidString(identifier):
		return "", errors.New("identifier: is not valid UTF-8")
	}
	folded := identifier
	// Folding may undo the composition and the reverse: the second round
	// reaches the form that normalising again leaves alone.
	for range 2 {
		folded = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(folded)))
	}
	folded = strings.TrimSpace(folded)
	switch {
	case folded == "":
		return "", errors.New("identifier: is empty")
	case len(folded) > maxIdentifier:
		return "", errors.New("identifier: is longer than 254 bytes")
	case strings.ContainsFunc(folded, invisible):
		return "", errors.New("identifier: contains a space, control or invisible character")
	}
	return folded, nil
}

// invisible reports whether two identifiers that differ in the rune alone could
// look alike.
func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError ||
		unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Network returns the address range that attempts from the address are counted
// against: the IPv4 address itself, or the IPv6 /64, within which one household
// chooses its addresses freely; of this machine the address. It is "" for no address.
func Network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() || addr.IsLoopback() {
		bits = addr.BitLen()
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}
