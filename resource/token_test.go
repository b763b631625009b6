package resource_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatelodge/gatelodge/resource"
)

func TestGoodTokenIsAccepted(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA} {
		i.clock.Advance(time.Hour) // so that the new key is fetched
		raw := i.publish(t, alg).sign(t, i.claims(map[string]any{"tier": "gold"}), nil)
		got, err := v.Verify(t.Context(), raw)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		want := &resource.Token{
			Subject: "ada", ClientID: "web", Scopes: []string{"notes.read", "notes.write"},
			Audience: []string{audience}, ID: "t1",
			IssuedAt: i.clock.Now(), ExpiresAt: i.clock.Now().Add(time.Hour),
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(resource.Token{})); diff != "" {
			t.Errorf("%s: %s", alg, diff)
		}
		var own struct {
			Tier string `json:"tier"`
		}
		if err := got.Claims(&own); err != nil || own.Tier != "gold" {
			t.Errorf("claims %+v, %v", own, err)
		}
	}
}

// RFC 9068 §4, RFC 8725 §3: what an API must not accept, and the accepted
// variants beside it.
func TestClaimsAreJudged(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	key, v := i.publish(t, jose.ES256), i.verifier(t)
	in := func(d time.Duration) int64 { return start.Add(d).Unix() }
	for _, test := range []struct {
		name string
		set  map[string]any
		ok   bool
	}{
		{"another issuer", map[string]any{"iss": "https://evil.example"}, false},
		{"issuer with a slash", map[string]any{"iss": i.URL + "/"}, false},
		{"no issuer", map[string]any{"iss": nil}, false},
		{"another audience", map[string]any{"aud": "https://other.example"}, false},
		{"audience with a slash", map[string]any{"aud": audience + "/"}, false},
		{"one of several audiences", map[string]any{"aud": []string{"x", audience}}, true},
		{"none of several audiences", map[string]any{"aud": []string{"x", "y"}}, false},
		{"no audience", map[string]any{"aud": nil}, false},
		{"audience of another type", map[string]any{"aud": 1}, false},
		{"no expiry", map[string]any{"exp": nil}, false},
		{"expiry as a string", map[string]any{"exp": "never"}, false},
		{"expired within the leeway", map[string]any{"exp": in(-29 * time.Second)}, true},
		{"expired", map[string]any{"exp": in(-30 * time.Second)}, false},
		{"not yet valid within the leeway", map[string]any{"nbf": in(30 * time.Second)}, true},
		{"not yet valid", map[string]any{"nbf": in(31 * time.Second)}, false},
		{"no subject", map[string]any{"sub": nil}, false},
		{"no client", map[string]any{"client_id": nil}, false},
		{"bound to a key", map[string]any{"cnf": map[string]any{"jkt": "x"}}, false},
		{"no scope", map[string]any{"scope": nil}, true},
		{"names in another case", map[string]any{"exp": in(-time.Hour), "EXP": in(time.Hour)}, false},
	} {
		_, err := v.Verify(t.Context(), key.sign(t, i.claims(test.set), nil))
		if test.ok && err != nil || !test.ok && !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// RFC 9068 §4, RFC 8725 §3.1, §3.11, RFC 7515 §4.
func TestHeadersAreJudged(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	key, rsaKey, v := i.publish(t, jose.ES256), i.publish(t, jose.RS256), i.verifier(t)
	foreign := newKey(t, jose.ES256)
	for _, test := range []struct {
		name string
		key  *signer
		set  map[string]any
		ok   bool
	}{
		{"as it should be", key, nil, true},
		{"typ as a full media type", key, map[string]any{"typ": "application/at+jwt"}, true},
		{"typ in another case", key, map[string]any{"typ": "AT+JWT"}, true},
		{"an ID token's typ", key, map[string]any{"typ": "JWT"}, false},
		{"no typ", key, map[string]any{"typ": nil}, false},
		{"typ of another type", key, map[string]any{"typ": 1}, false},
		{"no kid", key, map[string]any{"kid": nil}, false},
		{"unknown kid", key, map[string]any{"kid": "x"}, false},
		{"no alg", key, map[string]any{"alg": nil}, false},
		{"alg none", key, map[string]any{"alg": "none"}, false},
		{"alg HS256", key, map[string]any{"alg": "HS256"}, false},
		{"alg of another key", key, map[string]any{"alg": "RS256"}, false},
		{"alg that the key is not for", rsaKey, map[string]any{"alg": "PS256"}, false},
		{"alg that is not accepted", key, map[string]any{"alg": "ES512"}, false},
		{"crit", key, map[string]any{"crit": []string{"exp"}, "exp": 1}, false},
		{"crit b64", key, map[string]any{"crit": []string{"b64"}, "b64": true}, false},
		{"crit null", key, map[string]any{"crit": []string{}}, false},
		{"foreign key", foreign, map[string]any{"kid": key.kid}, false},
		{"foreign key in jwk", foreign, map[string]any{"kid": key.kid, "jwk": foreign.jwk()}, false},
		{"foreign key in jwk, no kid", foreign, map[string]any{"kid": nil, "jwk": foreign.jwk()}, false},
		{"foreign jku", foreign, map[string]any{"jku": i.URL + "/jwks"}, false},
	} {
		_, err := v.Verify(t.Context(), test.key.sign(t, i.claims(nil), test.set))
		if test.ok && err != nil || !test.ok && !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// RFC 7519 §4 and RFC 7515 §4: names occur once. Parsers differ in which they take.
func TestDuplicateMembersAreRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	key, v := i.publish(t, jose.ES256), i.verifier(t)
	payload, err := json.Marshal(i.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	header := fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"at+jwt"}`, key.kid)
	if _, err := v.Verify(t.Context(), key.signRaw(t, header, string(payload))); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"sub":"eve"`, `"scope":"admin"`, `"x":1,"x":2`} {
		twice := `{` + member + `,` + string(payload[1:])
		if _, err := v.Verify(t.Context(), key.signRaw(t, header, twice)); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("claims with a second %s: %v", member, err)
		}
	}
	for _, member := range []string{`"alg":"none"`, `"kid":"x"`, `"typ":"JWT"`} {
		twice := `{` + member + `,` + header[1:]
		if _, err := v.Verify(t.Context(), key.signRaw(t, twice, string(payload))); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("header with a second %s: %v", member, err)
		}
	}
}

func TestAlteredTokenIsRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.verifier(t)
	raw := i.publish(t, jose.ES256).sign(t, i.claims(nil), nil)
	parts := strings.Split(raw, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	altered := []string{
		"", ".", "..", "garbage", parts[0] + "." + parts[1], raw + ".", raw + "." + parts[2],
		parts[0] + "." + parts[1] + ".", none + "." + parts[1] + ".", strings.Repeat("a", 1<<20),
		`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	}
	for n := 0; n < len(raw)-1; n += 5 { // the last character has unused bits
		if raw[n] != '.' {
			altered = append(altered, raw[:n]+string(raw[n]^1|0x40)+raw[n+1:])
		}
	}
	for _, s := range altered {
		if s == raw {
			continue
		}
		if _, err := v.Verify(t.Context(), s); !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]resource.Config{
		"no issuer":           {Audience: audience},
		"relative issuer":     {Issuer: "login.example", Audience: audience},
		"plain http":          {Issuer: "http://login.example", Audience: audience},
		"issuer with query":   {Issuer: "https://login.example?x", Audience: audience},
		"no audience":         {Issuer: "https://login.example"},
		"symmetric algorithm": {Issuer: "https://login.example", Audience: audience, Algorithms: []string{"HS256"}},
		"no algorithm":        {Issuer: "https://login.example", Audience: audience, Algorithms: []string{"none"}},
	} {
		if _, err := resource.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, issuer := range []string{"https://login.example/tenant", "http://localhost:8080", "http://[::1]:8080"} {
		if _, err := resource.New(resource.Config{Issuer: issuer, Audience: audience}); err != nil {
			t.Error(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuer(f)
	key, v := i.publish(f, jose.ES256), i.verifier(f)
	f.Add(`{"alg":"ES256","kid":"`+key.kid+`","typ":"at+jwt"}`, `{"iss":"x","aud":[1],"exp":1e99}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		_, err := v.Verify(t.Context(), key.signRaw(t, header, payload))
		if err != nil && !errors.Is(err, resource.ErrInvalid) {
			t.Error(err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		i := newIssuer(b)
		v := i.verifier(b)
		raw := i.publish(b, alg).sign(b, i.claims(nil), nil)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
