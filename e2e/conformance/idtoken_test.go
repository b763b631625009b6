package conformance

import (
	"slices"
	"time"
)

func idTokenModules() []module {
	return []module{
		{"oidcc-idtoken-signature", "B I H", idTokenSignature},
		{"oidcc-idtoken-unsigned", "B D", idTokenUnsigned},
		{"oidcc-idtoken-rs256", "D", idTokenRS256},
		{"oidcc-server-rotate-keys", "D", rotateKeys},
	}
}

// OpenID Connect Dynamic Client Registration §2: RS256 is what a client gets
// that has said nothing.
func idTokenSignature(r *run) {
	if g := r.register(nil).signIn(); g.idToken().header.Algorithm != "RS256" {
		r.Errorf("alg is %s", g.idToken().header.Algorithm)
	}
}

// The suite leaves this out of providers that do not list none.
func idTokenUnsigned(r *run) {
	if slices.Contains(r.listed("id_token_signing_alg_values_supported"), "none") {
		r.Error("none is listed for ID tokens")
	}
	if code := r.refusedRegistration(map[string]any{"id_token_signed_response_alg": "none"}); code != "invalid_client_metadata" {
		r.Errorf("the error is %s", code)
	}
}

func idTokenRS256(r *run) {
	if g := r.register(map[string]any{"id_token_signed_response_alg": "RS256"}).signIn(); g.idToken().header.Algorithm != "RS256" {
		r.Errorf("alg is %s", g.idToken().header.Algorithm)
	}
}

// OpenID Connect Core §10.1.1.
func rotateKeys(r *run) {
	r.ownProvider()
	c := r.register(nil)
	before := r.keys()
	signedBefore := c.signIn().idToken()
	if _, err := r.op.Keys.Rotate(r.Context(), "RS256"); err != nil {
		r.Fatal(err)
	}
	r.op.Clock.Advance(2 * time.Second)
	after := r.keys()
	var added int
	for _, key := range after.Keys {
		if len(before.Key(key.KeyID)) == 0 {
			added++
		}
	}
	if added == 0 {
		r.Error("there is no new key")
	}
	for _, key := range before.Keys {
		if len(after.Key(key.KeyID)) == 0 {
			r.Errorf("key %s is gone", key.KeyID)
		}
	}
	r.op.Clock.Advance(time.Hour)
	signedAfter := c.signIn("prompt", "none").idToken()
	if signedAfter.header.KeyID == signedBefore.header.KeyID {
		r.Error("the old key still signs")
	}
	r.verifySignature(signedBefore.raw, "RS256")
}
