package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	// maxMetadata bounds all of a client's metadata as JSON, in bytes.
	maxMetadata = 32 << 10
	maxText     = 256
	maxURI      = 2048
)

// limits are how many elements a member can have, and how many bytes each.
func limits(member string) (elements, size int) {
	switch member {
	case "client_name", "software_id", "software_version":
		return 1, maxText
	case "contacts", "default_acr_values":
		return 10, maxText
	case "request_uris": // OpenID Connect Core §6.2 has the length
		return 10, 512
	case "scope", "jwks": // certificates are long
		return 20, 4096
	default:
		return 100, maxURI
	}
}

// bounds checks the length of every text and list, whatever its meaning: a
// client's metadata is read with each of its requests. It goes by the stored
// form, so that no member can be forgotten.
func (v *validation) bounds(m storage.ClientMetadata) {
	encoded, err := json.Marshal(m)
	if err != nil {
		v.fault("jwks", "", "must be JSON")
		return
	}
	if len(encoded) > maxMetadata {
		v.fault("client metadata", "", fmt.Sprintf("must have at most %d bytes in all", maxMetadata))
	}
	var members map[string]any
	if err := json.Unmarshal(encoded, &members); err != nil {
		v.fault("jwks", "", "must be JSON")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		v.bound(name, members[name])
	}
}

// bound checks a member, whose value may have further ones in it: jwks.
func (v *validation) bound(member string, value any) {
	elements, size := limits(member)
	switch value := value.(type) {
	case string:
		v.text(member, value, size)
	case []any:
		if len(value) > elements {
			v.fault(member, "", fmt.Sprintf("must have at most %d elements", elements))
		}
		for _, element := range value {
			v.bound(member, element)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			v.text(member, name, size)
			v.bound(member, value[name])
		}
	}
}

func (v *validation) text(member, text string, size int) {
	if len(text) > size {
		v.fault(member, text, fmt.Sprintf("must have at most %d bytes", size))
	}
	if strings.ContainsFunc(text, misleading) {
		v.fault(member, text, "must not have control characters")
	}
}

// misleading reports whether the character does something to the text around it
// on a page: control characters, and those that turn its direction. What was no
// UTF-8 has become U+FFFD.
func misleading(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r)
}
