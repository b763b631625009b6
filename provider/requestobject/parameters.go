package requestobject

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
