package account

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many characters a name may have.
const maxName = 200

// Name returns what somebody has entered as a name of theirs, as it is kept: "" if
// there is nothing but space. It fails with [ErrName].
func Name(entered string) (string, error) {
	name := strings.TrimSpace(entered)
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, control) {
		return "", fmt.Errorf("%w, or no text", ErrName)
	}
	return name, nil
}

// control reports whether the character does something to the text around it.
func control(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
