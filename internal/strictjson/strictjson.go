// Package strictjson owns reading JSON that others send and that every parser has
// to read alike. It does not own what the members mean.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// What [Object] fails with.
var (
	ErrNotObject = errors.New("not one JSON object in UTF-8")
	ErrTwice     = errors.New("a member is there twice")
	ErrDeep      = errors.New("nested too deeply")
)

// maxDepth is how deep values may be nested: deeper than any parameter or
// metadata is.
const maxDepth = 16

// Object returns the members of a JSON object by their exact names. No object in
// it may have a member twice, since parsers differ in which they take,
// [RFC 8259 §4] and [RFC 8725 §2.4].
//
// [RFC 8259 §4]: https://www.rfc-editor.org/rfc/rfc8259#section-4
// [RFC 8725 §2.4]: https://www.rfc-editor.org/rfc/rfc8725#section-2.4
func Object(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, ErrNotObject
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // a float64 cannot hold them all
	if err := once(decoder, 0); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrNotObject
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, ErrNotObject
	}
	return members, nil
}

// once checks the next value.
func once(decoder *json.Decoder, depth int) error {
	if depth > maxDepth {
		return ErrDeep
	}
	token, err := decoder.Token()
	if err != nil {
		return ErrNotObject
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for decoder.More() {
		if token == json.Delim('{') {
			name, err := decoder.Token()
			if err != nil {
				return ErrNotObject
			}
			text, _ := name.(string)
			if seen[text] {
				return ErrTwice
			}
			seen[text] = true
		}
		if err := once(decoder, depth+1); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // its end
		return ErrNotObject
	}
	return nil
}
