package discovery_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// reader is a client with keys that others encrypt to.
type reader struct{ private []jose.JSONWebKey }

func newReader(t *testing.T) reader {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return reader{[]jose.JSONWebKey{{Key: rsaKey, KeyID: "rsa", Use: "enc"}, {Key: ecKey, KeyID: "ec", Use: "enc"}}}
}

// jwks are its public keys.
func (r reader) jwks(t *testing.T) json.RawMessage {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, key := range r.private {
		set.Keys = append(set.Keys, key.Public())
	}
	encoded, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// open decrypts what was encrypted with exactly these algorithms.
func (r reader) open(t *testing.T, compact, alg, enc string) string {
	t.Helper()
	jwe, err := jose.ParseEncryptedCompact(compact,
		[]jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
	if err != nil {
		t.Fatalf("%s with %s: %v: %s", alg, enc, err, compact)
	}
	if jwe.Header.ExtraHeaders["cty"] != "JWT" {
		t.Errorf("%s with %s: cty is %v", alg, enc, jwe.Header.ExtraHeaders["cty"])
	}
	for _, key := range r.private {
		if key.KeyID == jwe.Header.KeyID {
			plain, err := jwe.Decrypt(key.Key)
			if err != nil {
				t.Fatalf("%s with %s: %v", alg, enc, err)
			}
			return string(plain)
		}
	}
	t.Fatalf("%s with %s: kid %q", alg, enc, jwe.Header.KeyID)
	return ""
}

// Each encryption of ID tokens and of userinfo can be had: a signed JWT within,
// OpenID Connect Core §10.2.
func TestAdvertisedEncryptionWorks(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	m, keys := metadata(t, p), newReader(t)
	for _, alg := range m.IDTokenEncryptionAlgValuesSupported {
		for _, enc := range m.IDTokenEncryptionEncValuesSupported {
			p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) {
				m.JWKS, m.UserinfoSignedResponseAlg = keys.jwks(t), "ES256"
				m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc = alg, enc
				m.UserinfoEncryptedResponseAlg, m.UserinfoEncryptedResponseEnc = alg, enc
			})
			tokens := p.Tokens(t)
			_, id := providertest.JWT(t, keys.open(t, tokens.Get("id_token"), alg, enc))
			_, info := providertest.JWT(t, keys.open(t, p.Bearer(t, "/userinfo", tokens.Get("access_token")).Body, alg, enc))
			if id["sub"] != providertest.UserID || info["sub"] != providertest.UserID {
				t.Errorf("%s with %s: sub %v and %v", alg, enc, id["sub"], info["sub"])
			}
		}
	}
	sameLists(t, m.UserinfoEncryptionAlgValuesSupported, m.IDTokenEncryptionAlgValuesSupported)
	sameLists(t, m.UserinfoEncryptionEncValuesSupported, m.IDTokenEncryptionEncValuesSupported)
}

// Each algorithm signs userinfo.
func TestAdvertisedUserinfoAlgorithmsWork(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	for _, alg := range metadata(t, p).UserinfoSigningAlgValuesSupported {
		p.ChangeClient(t, providertest.ClientID, func(m *storage.ClientMetadata) { m.UserinfoSignedResponseAlg = alg })
		header, _ := providertest.JWT(t, p.Bearer(t, "/userinfo", p.Tokens(t).Get("access_token")).Body)
		if header["alg"] != alg {
			t.Errorf("registered %s, got %v", alg, header["alg"])
		}
	}
}

func sameLists(t *testing.T, a, b []string) {
	t.Helper()
	if strings.Join(a, " ") != strings.Join(b, " ") {
		t.Errorf("%v is not %v", a, b)
	}
}
