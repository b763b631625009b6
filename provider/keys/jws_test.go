package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestSignedTokenIsVerified(t *testing.T) {
	t.Parallel()
	algs := []string{"RS256", "PS256", "ES256", "EdDSA"}
	r := newRing(t, Config{Algorithms: algs}, newStore(t), &clock{})
	for _, alg := range algs {
		token, err := r.Sign(t.Context(), alg, "JWT", map[string]int{"n": 1})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := r.Verify(t.Context(), token, "JWT")
		if err != nil || string(payload) != `{"n":1}` {
			t.Errorf("%s: %s, %v", alg, payload, err)
		}
	}
}

// RFC 8725 §3.1, §3.11 and §3.12, RFC 7515 §4: what is not a token of ours, of
// the type asked for, to the byte.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, Config{Algorithms: []string{"RS256", "PS256", "ES256"}}, newStore(t), &clock{})
	token := sign(t, r, "ES256")
	kid := kidOf(t, token)
	parts := strings.Split(token, ".")
	encode := base64.RawURLEncoding.EncodeToString
	signed := r.current.Load().find(kid)
	// with returns the claims under another header, rightly signed with our key.
	with := func(header string) string {
		input := encode([]byte(header)) + "." + parts[1]
		signature, err := signed.sign([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + encode(signature)
	}
	jwk := string(signed.jwk)
	rsaKid := kidOf(t, sign(t, r, "RS256"))
	// salted returns a token of PS256 whose salt has the length, or of RS256 if -1.
	pssKey := r.current.Load().newest("PS256")
	salted := func(length int) string {
		input := encode([]byte(head("PS256", pssKey.ID)+tail("at+jwt"))) + "." + parts[1]
		digest := sha256.Sum256([]byte(input))
		var options crypto.SignerOpts = crypto.SHA256
		if length >= 0 {
			options = &rsa.PSSOptions{SaltLength: length, Hash: crypto.SHA256}
		}
		signature, err := pssKey.private.Sign(rand.Reader, digest[:], options)
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + encode(signature)
	}
	if _, err := r.Verify(t.Context(), salted(sha256.Size), "at+jwt"); err != nil {
		t.Error(err)
	}
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: signed.jwk},
		(&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	confused, err := hmac.Sign([]byte(`{"sub":"ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	hs256, err := confused.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}

	for name, forged := range map[string]string{
		"empty":             "",
		"garbage":           "garbage",
		"two parts":         parts[0] + "." + parts[1],
		"four parts":        token + ".",
		"no signature":      parts[0] + "." + parts[1] + ".",
		"alg none":          encode([]byte(`{"alg":"none","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + parts[1] + ".",
		"public key HMAC":   hs256,
		"another algorithm": with(`{"alg":"RS256","kid":"` + kid + `","typ":"at+jwt"}`),
		"salt too long":     salted(sha256.Size + 1),
		"RS256 as PS256":    salted(-1),
		"another key":       with(`{"alg":"RS256","kid":"` + rsaKid + `","typ":"at+jwt"}`),
		"unknown kid":       with(`{"alg":"ES256","kid":"` + strings.Repeat("A", 43) + `","typ":"at+jwt"}`),
		"no kid":            with(`{"alg":"ES256","typ":"at+jwt"}`),
		"no typ":            with(`{"alg":"ES256","kid":"` + kid + `"}`),
		"another typ":       with(`{"alg":"ES256","kid":"` + kid + `","typ":"JWT"}`),
		"crit":              with(`{"alg":"ES256","kid":"` + kid + `","crit":["exp"],"exp":1,"typ":"at+jwt"}`),
		"duplicate kid":     with(`{"alg":"ES256","kid":"x","kid":"` + kid + `","typ":"at+jwt"}`),
		"duplicate typ":     with(`{"alg":"ES256","kid":"` + kid + `","typ":"JWT","typ":"at+jwt"}`),
		"embedded jwk":      with(`{"alg":"ES256","kid":"` + kid + `","jwk":` + jwk + `,"typ":"at+jwt"}`),
		"trailing newline":  token + "\n",
		"newline inside":    parts[0] + "." + parts[1] + "." + parts[2][:40] + "\n" + parts[2][40:],
		"padding":           token + "==",
	} {
		if _, err := r.Verify(t.Context(), forged, "at+jwt"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Verify(t.Context(), token, "JWT"); !errors.Is(err, ErrInvalid) {
		t.Errorf("an access token as an ID token: %v", err)
	}
}

// No character of a token can be another, the last ones included.
func TestAlteredTokenIsRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, Config{Algorithms: []string{"ES256", "EdDSA", "PS256"}}, newStore(t), &clock{})
	for _, alg := range r.Algorithms() {
		token := sign(t, r, alg)
		for i := range len(token) {
			for _, c := range []byte("ABgw.") {
				if token[i] == c {
					continue
				}
				altered := token[:i] + string(c) + token[i+1:]
				if _, err := r.Verify(t.Context(), altered, "at+jwt"); !errors.Is(err, ErrInvalid) {
					t.Fatalf("%s: character %d altered: %v", alg, i, err)
				}
			}
		}
	}
}

// A signature that was good says nothing of another one of the same claims, nor of
// other claims.
func TestVerifiedTokenProvesNoOther(t *testing.T) {
	t.Parallel()
	r := newRing(t, Config{Algorithms: []string{"ES256"}}, newStore(t), &clock{})
	first, second := strings.Split(sign(t, r, "ES256"), "."), strings.Split(sign(t, r, "ES256"), ".")
	other, err := r.Sign(t.Context(), "ES256", "at+jwt", map[string]string{"sub": "eve"})
	if err != nil {
		t.Fatal(err)
	}
	claims := strings.Split(other, ".")[1]
	for _, test := range []struct {
		token []string
		good  bool
	}{
		{first, true},
		{first, true}, // remembered
		{second, true},
		{[]string{first[0], claims, first[2]}, false},
		{[]string{first[0], first[1], strings.Split(other, ".")[2]}, false},
	} {
		_, err := r.Verify(t.Context(), strings.Join(test.token, "."), "at+jwt")
		if (err == nil) != test.good {
			t.Errorf("%v is good: %v, want %v", test.token, err == nil, test.good)
		}
	}
}

func FuzzVerify(f *testing.F) {
	r := newRing(f, es256, newStore(f), &clock{})
	token := sign(f, r, "ES256")
	f.Add(token, "at+jwt")
	f.Add("..", "")
	f.Fuzz(func(t *testing.T, altered, typ string) {
		_, err := r.Verify(t.Context(), altered, typ)
		if err == nil && (altered != token || typ != "at+jwt") {
			t.Error("verified what was not signed")
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
}

// claims are about those of an access token.
var claims = map[string]any{
	"iss": "https://login.example", "sub": "01JQ8Z4T0Y9V5N3K7M2P6R8S1W", "aud": []string{"https://api.example"},
	"exp": 1790000000, "iat": 1790000000, "jti": "YzQ2NWRjNmItYjY3ZC00", "client_id": "web", "scope": "openid profile email",
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256", "PS256"} {
		r := newRing(b, Config{Algorithms: []string{alg}}, newStore(b), &clock{})
		payload, err := json.Marshal(claims)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Sign(b.Context(), alg, "at+jwt", claims); err != nil {
					b.Fatal(err)
				}
			}
		})
		key := r.current.Load().newest(alg)
		b.Run(fmt.Sprintf("%s/signature alone", alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := key.sign(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256", "PS256"} {
		r := newRing(b, Config{Algorithms: []string{alg}}, newStore(b), &clock{})
		token := sign(b, r, alg)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(b.Context(), token, "at+jwt"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJWKS(b *testing.B) {
	r := newRing(b, es256, newStore(b), &clock{})
	b.ReportAllocs()
	for b.Loop() {
		r.JWKS()
	}
}
