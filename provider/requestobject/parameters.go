package requestobject

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parameters returns the claims as the parameters of an authorization request: what
// is text as it is, what is not as JSON. Members that are null count as absent.
func parameters(clientID string, claims map[string]json.RawMessage) (url.Values, error) {
	form := url.Values{}
	for name, raw := range claims {
		if ofJWT(name) || string(raw) == "null" {
			continue
		}
		values, err := values(name, raw)
		if err != nil {
			return nil, err
		}
		form[name] = values
	}
	form.Set("client_id", clientID)
	return form, nil
}

// ofJWT reports whether the claim is the JWT's own and no parameter.
func ofJWT(name string) bool {
	return slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}, name)
}

// plain reports whether the parameter is text, so that a structure is a mistake: a
// list in it is separated by spaces, and the same parameter twice is not allowed.
func plain(name string) bool {
	return slices.Contains([]string{
		"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "display",
		"max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values",
		"code_challenge", "code_challenge_method",
	}, name)
}

// values returns what the form has under the name. Only resource has several,
// [RFC 8707 §2].
//
// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
func values(name string, raw json.RawMessage) ([]string, error) {
	switch kind := raw[0]; {
	case kind == '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return []string{text}, err
	case kind == '[' && name == "resource":
		var several []string
		if err := json.Unmarshal(raw, &several); err != nil {
			return nil, refuse("resource in the request object is neither text nor a list of texts").Because(err)
		}
		return several, nil
	case kind != '{' && kind != '[':
		number, err := number(string(raw))
		return []string{number}, err
	case plain(name) || name == "resource":
		return nil, refuse("a parameter in the request object has the wrong type")
	default:
		var compact bytes.Buffer
		err := json.Compact(&compact, raw)
		return []string{compact.String()}, err
	}
}

// number returns the JSON number, true or false as a form has it: in decimal,
// without an exponent.
func number(raw string) (string, error) {
	if !strings.ContainsAny(raw, ".eE") || raw == "true" || raw == "false" {
		return raw, nil
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || f > exact || f < -exact {
		return "", refuse("a number in the request object is too large")
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}

var (
	errNotObject = errors.New("not one JSON object in UTF-8")
	errTwice     = errors.New("a member is there twice")
	errDeep      = errors.New("nested too deeply")
)

// members returns the members of a JSON object. No object in it may have a member
// twice, since parsers differ in which they take, RFC 8725 §2.4.
func members(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, errNotObject
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // a float64 cannot hold them all
	if err := once(decoder, 0); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, errNotObject
	}
	return all, nil
}

// once checks the next value.
func once(decoder *json.Decoder, depth int) error {
	const maxDepth = 16
	if depth > maxDepth {
		return errDeep
	}
	token, err := decoder.Token()
	if err != nil {
		return errNotObject
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for decoder.More() {
		if token == json.Delim('{') {
			name, err := decoder.Token()
			if err != nil {
				return errNotObject
			}
			text, _ := name.(string)
			if seen[text] {
				return errTwice
			}
			seen[text] = true
		}
		if err := once(decoder, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // its end
	return err
}
