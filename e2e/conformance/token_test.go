package conformance

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idToken is an ID token that has been verified.
type idToken struct {
	raw    string
	header jose.Header
	claims map[string]any
}

// usual are the claims that every ID token may carry.
var usual = []string{
	"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp",
	"at_hash", "c_hash", "s_hash", "nbf", "jti", "sid",
}

// verify checks an ID token, OpenID Connect Core §3.1.3.7: one of a refresh may
// lack the nonce, which is given then.
func (v *visit) verify(raw, mayLack string) *idToken {
	v.Helper()
	token := v.verifySignature(raw, v.idTokenAlgorithm())
	claims, now := token.claims, v.op.Clock.Now()
	if claims["iss"] != v.op.URL || !audienceIs(claims["aud"], v.id) || claims["azp"] != nil && claims["azp"] != v.id {
		v.Errorf("iss is %v, aud %v, azp %v", claims["iss"], claims["aud"], claims["azp"])
	}
	if exp := v.time(claims, "exp"); !exp.After(now) {
		v.Errorf("exp is %v, and it is %v", exp, now)
	}
	if iat := v.time(claims, "iat"); iat.Before(now.Add(-5*time.Minute)) || iat.After(now.Add(time.Second)) {
		v.Errorf("iat is %v, and it is %v", iat, now)
	}
	if claims["auth_time"] != nil && v.time(claims, "auth_time").After(now) {
		v.Errorf("auth_time is %v, and it is %v", claims["auth_time"], now)
	}
	if sub, _ := claims["sub"].(string); !regexp.MustCompile(`^[\x20-\x7E]{1,255}$`).MatchString(sub) {
		v.Errorf("sub is %q", sub)
	}
	if acr, ok := claims["acr"]; ok && acr == "" {
		v.Error("acr is empty")
	}
	if want, sent := v.request["nonce"]; mayLack != "nonce" || claims["nonce"] != nil {
		if got := claims["nonce"]; sent && got != want[0] || !sent && got != nil {
			v.Errorf("nonce is %v, want %v", got, want)
		}
	}
	v.checkNames(claims)
	v.checkValues(claims)
	return token
}

// verifySignature checks that a JWT is signed by the published key that it
// names, with the algorithm.
func (r *run) verifySignature(raw, algorithm string) *idToken {
	r.Helper()
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		r.Fatalf("%q is not signed with %s: %v", raw, algorithm, err)
	}
	token := &idToken{raw: raw, header: signed.Signatures[0].Header}
	keys := r.keys()
	named := keys.Key(token.header.KeyID)
	if token.header.KeyID == "" || len(named) != 1 {
		r.Fatalf("kid is %q, and %d keys have it", token.header.KeyID, len(named))
	}
	payload, err := signed.Verify(named[0])
	if err != nil {
		r.Fatalf("the signature of %q: %v", raw, err)
	}
	if err := json.Unmarshal(payload, &token.claims); err != nil {
		r.Fatal(err)
	}
	return token
}

func audienceIs(audience any, id string) bool {
	return audience == id || slices.Equal(texts(audience), []string{id})
}

// time returns a claim in seconds, which there must be.
func (r *run) time(claims map[string]any, name string) time.Time {
	r.Helper()
	seconds, ok := claims[name].(float64)
	if !ok || seconds != float64(int64(seconds)) {
		r.Fatalf("%s is %v", name, claims[name])
	}
	return time.Unix(int64(seconds), 0)
}

// checkNames checks that there are no claims but those that were asked for:
// the scopes' claims are the ID token's where there is no access token, OpenID
// Connect Core §5.4, and the claims parameter can name others, §5.5.
func (v *visit) checkNames(claims map[string]any) {
	v.Helper()
	allowed := slices.Clone(usual)
	if v.responseType == "id_token" {
		for scope := range strings.FieldsSeq(v.request.Get("scope")) {
			allowed = append(allowed, scopeClaims[scope]...)
		}
	}
	var asked struct {
		IDToken map[string]any `json:"id_token"`
	}
	if parameter := v.request.Get("claims"); parameter != "" {
		if err := json.Unmarshal([]byte(parameter), &asked); err != nil {
			v.Fatal(err)
		}
	}
	for name := range claims {
		if _, ok := asked.IDToken[name]; !ok && !slices.Contains(allowed, name) {
			v.Errorf("nobody asked for %s in the ID token", name)
		}
	}
}

// hashes is what the hashes of an ID token are of.
type hashes struct {
	code, accessToken, state string
	// needed: the token is the authorization endpoint's, which must have those
	// of the code and the access token.
	needed bool
}

// checkHashes checks at_hash, c_hash, OpenID Connect Core §3.3.2.11, and s_hash.
func (t *idToken) checkHashes(r *run, h hashes) {
	r.Helper()
	for _, hash := range []struct {
		claim, of string
		needed    bool
	}{
		{"at_hash", h.accessToken, h.needed && h.accessToken != ""},
		{"c_hash", h.code, h.needed && h.code != ""},
		{"s_hash", h.state, false},
	} {
		got, ok := t.claims[hash.claim]
		if ok && got != half(t.header.Algorithm, hash.of) || !ok && hash.needed {
			r.Errorf("%s is %v, want that of %q", hash.claim, got, hash.of)
		}
	}
}

// half is the left half of the hash of the algorithm's size.
func half(algorithm, s string) string {
	sum := make([]byte, 0, sha512.Size)
	switch {
	case algorithm == "EdDSA" || strings.HasSuffix(algorithm, "512"):
		h := sha512.Sum512([]byte(s))
		sum = append(sum, h[:]...)
	case strings.HasSuffix(algorithm, "384"):
		h := sha512.Sum384([]byte(s))
		sum = append(sum, h[:]...)
	default:
		h := sha256.Sum256([]byte(s))
		sum = append(sum, h[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
