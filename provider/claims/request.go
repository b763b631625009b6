package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/gatelodge/gatelodge/storage"
)

// maxRequest is how long a claims parameter may be, in bytes: it is kept with
// the grant.
const maxRequest = 4 << 10

// Request is the claims parameter, [OpenID Connect Core §5.5]: claims that are
// asked for one by one. Those that we do not know are left out of what is told.
//
// [OpenID Connect Core §5.5]: https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter
type Request struct {
	IDToken  map[string]*Wish `json:"id_token"`
	Userinfo map[string]*Wish `json:"userinfo"`
}

// Wish is how a claim is asked for, [OpenID Connect Core §5.5.1]; nil is
// voluntarily.
//
// [OpenID Connect Core §5.5.1]: https://openid.net/specs/openid-connect-core-1_0.html#IndividualClaimsRequests
type Wish struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

var errRequest = errors.New("claims is not a JSON object of requests, or too long")

// ParseRequest parses the parameter; "" asks for nothing.
func ParseRequest(parameter string) (Request, error) {
	var r Request
	if parameter == "" {
		return r, nil
	}
	if len(parameter) > maxRequest || !bytes.HasPrefix(bytes.TrimSpace([]byte(parameter)), []byte("{")) {
		return r, errRequest
	}
	if err := json.Unmarshal([]byte(parameter), &r); err != nil {
		return Request{}, errRequest
	}
	return r, nil
}

// Strings are the values that the claim is asked to have one of, nil if any will
// do, and whether that is essential.
func (w *Wish) Strings() (values []string, essential bool) {
	if w == nil {
		return nil, false
	}
	raw := w.Values
	if len(w.Value) > 0 {
		raw = append([]json.RawMessage{w.Value}, raw...)
	}
	for _, v := range raw {
		var s string
		if json.Unmarshal(v, &s) == nil {
			values = append(values, s)
		}
	}
	return values, w.Essential
}

// Scopes are the scopes that stand for the claims that are asked for, since
// people agree to scopes.
func (r Request) Scopes() []string {
	var scopes []string
	for _, scope := range Scopes() {
		named := func(name string) bool { return scopeOf(name) == scope }
		if slices.ContainsFunc(slices.Collect(maps.Keys(r.IDToken)), named) ||
			slices.ContainsFunc(slices.Collect(maps.Keys(r.Userinfo)), named) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// Within returns the request without all that none of the scopes stands for.
func (r Request) Within(scopes []string) Request {
	return Request{IDToken: within(r.IDToken, scopes), Userinfo: within(r.Userinfo, scopes)}
}

func within(requested map[string]*Wish, scopes []string) map[string]*Wish {
	kept := maps.Clone(requested)
	maps.DeleteFunc(kept, func(name string, _ *Wish) bool { return !slices.Contains(scopes, scopeOf(name)) })
	return kept
}

// Encode returns the names of the claims that are asked for as a claims
// parameter, "" if there are none.
func (r Request) Encode() string {
	names := map[string]map[string]any{}
	for member, requested := range map[string]map[string]*Wish{"id_token": r.IDToken, "userinfo": r.Userinfo} {
		for name := range requested {
			if names[member] == nil {
				names[member] = map[string]any{}
			}
			names[member][name] = nil
		}
	}
	if len(names) == 0 {
		return ""
	}
	encoded, err := json.Marshal(names)
	if err != nil {
		panic(err) // names always marshal
	}
	return string(encoded)
}

// AddRequested puts the claims that are asked for into the set that the person
// has a value for.
func AddRequested(set map[string]any, user *storage.User, requested map[string]*Wish) {
	if len(requested) == 0 {
		return
	}
	all := map[string]any{}
	Add(all, user, Scopes())
	for name := range requested {
		if value, ok := all[name]; ok {
			set[name] = value
		}
	}
}

// scopeOf is the scope that releases the claim, "" if none does.
func scopeOf(name string) string {
	switch name {
	case "email", "email_verified":
		return "email"
	case "phone_number", "phone_number_verified":
		return "phone"
	case "address":
		return "address"
	case "sub":
		return ""
	default:
		if slices.Contains(Supported(), name) {
			return "profile"
		}
		return ""
	}
}
