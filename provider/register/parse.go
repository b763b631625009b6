package register

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/strictjson"
	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// request is a registration or an update of one.
type request struct {
	clientID, clientSecret string
	// managed: it has members that are for us to say.
	managed  bool
	metadata storage.ClientMetadata
}

// parse reads a request. Members that we do not know are ignored, [RFC 7591 §2],
// among them names in further languages such as client_name#de. Malformed JSON
// is an invalid_request; a member of the wrong type is invalid_client_metadata.
//
// [RFC 7591 §2]: https://www.rfc-editor.org/rfc/rfc7591#section-2
func parse(r *http.Request) (*request, error) {
	body, err := web.Content(r, "application/json")
	if err != nil {
		return nil, err
	}
	members, err := strictjson.Object(body)
	switch {
	case errors.Is(err, strictjson.ErrTwice):
		return nil, oauth.Refuse(oauth.InvalidClientMetadata, "a member is given twice")
	case err != nil:
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body must be one JSON object in UTF-8").Because(err)
	}
	for name, value := range members {
		// encoding/json would take Client_Name for client_name; null is as good
		// as nothing, RFC 7592 §2.2.
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || string(value) == "null" {
			delete(members, name)
		}
	}
	if _, ok := members["software_statement"]; ok {
		// RFC 7591 §3.1.1 lets us ignore them, but whoever sends one relies on
		// what it says. There is nobody whose statements we could approve.
		return nil, oauth.Refuse(oauth.UnapprovedSoftwareStatement, "software statements are not supported")
	}
	return decode(members)
}

func decode(members map[string]json.RawMessage) (*request, error) {
	encoded, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	req := &request{}
	identity := struct {
		ClientID     *string `json:"client_id"`
		ClientSecret *string `json:"client_secret"`
	}{&req.clientID, &req.clientSecret}
	for _, v := range []any{&req.metadata, &identity} {
		if err := json.Unmarshal(encoded, v); err != nil {
			return nil, mistyped(err)
		}
	}
	for _, name := range []string{
		"registration_access_token", "registration_client_uri", "client_id_issued_at", "client_secret_expires_at",
	} {
		if _, ok := members[name]; ok {
			req.managed = true
		}
	}
	req.metadata.JWKS = publicKeys(req.metadata.JWKS)
	return req, nil
}

// mistyped names the member whose value is of the wrong type.
func mistyped(err error) error {
	member := "the metadata"
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		member, _, _ = strings.Cut(e.Field, ".")
	}
	return oauth.Refuse(oauth.InvalidClientMetadata, member+": has a value of the wrong type").Because(err)
}

// publicKeys leaves of a key set only what we understand, so that nothing is
// stored that a database may choke on. What is no key set stays as it is, for
// the validation to refuse.
func publicKeys(jwks json.RawMessage) json.RawMessage {
	var set jose.JSONWebKeySet
	if len(jwks) == 0 || json.Unmarshal(jwks, &set) != nil {
		return jwks
	}
	known, err := json.Marshal(set)
	if err != nil {
		return jwks
	}
	return known
}
