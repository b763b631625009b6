package register

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

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
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	if err := wellFormed(body); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, malformed().Because(err)
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

func read(r *http.Request) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, web.MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, oauth.Refuse(oauth.InvalidRequest, "the body is larger than 64 KiB")
		}
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body could not be read").Because(err)
	}
	return body, nil
}

func malformed() *oauth.Error {
	return oauth.Refuse(oauth.InvalidRequest, "the body must be one JSON object in UTF-8")
}

// wellFormed checks that the body is one object that everybody reads alike: no
// member twice, [RFC 8259 §4], and not deeper than a JWK Set needs.
//
// [RFC 8259 §4]: https://www.rfc-editor.org/rfc/rfc8259#section-4
func wellFormed(body []byte) error {
	const deep = 8
	d := json.NewDecoder(bytes.NewReader(body))
	if !utf8.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return malformed()
	}
	if err := walk(d, deep); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed()
	}
	return nil
}

func walk(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return malformed().Because(err)
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return oauth.Refuse(oauth.InvalidRequest, "the body is nested too deeply")
	}
	seen := map[string]bool{}
	for d.More() {
		if opening == '{' {
			token, err := d.Token()
			name, _ := token.(string)
			if err != nil {
				return malformed().Because(err)
			}
			if seen[name] {
				return oauth.Refuse(oauth.InvalidClientMetadata, "a member is given twice")
			}
			seen[name] = true
		}
		if err := walk(d, depth-1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // what closes it
		return malformed().Because(err)
	}
	return nil
}

func decode(members map[string]json.RawMessage) (*request, error) {
	encoded, err := json.Marshal(members)
	if err != nil {
		return nil, malformed().Because(err)
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
