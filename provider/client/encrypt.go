package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatelodge/gatelodge/storage"
)

// Encrypt returns the plaintext as a compact JWE to the client, with its key for
// the algorithm. The content type becomes the cty, "" none. It fails with
// ErrNoKey, ErrUnreachable, or because we could not.
func (k *Keys) Encrypt(
	ctx context.Context, c *storage.Client, alg, enc, contentType string, plaintext []byte,
) (string, error) {
	key, err := k.encryptionKey(ctx, c, alg)
	if err != nil {
		return "", err
	}
	options := &jose.EncrypterOptions{}
	if contentType != "" {
		options = options.WithContentType(jose.ContentType(contentType))
	}
	recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Key, KeyID: key.KeyID}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), recipient, options)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s and %s: %w", alg, enc, err)
	}
	jwe, err := encrypter.Encrypt(plaintext)
	if err != nil {
		return "", fmt.Errorf("encrypt with %s and %s: %w", alg, enc, err)
	}
	return jwe.CompactSerialize()
}

// EncryptIDToken returns a signed ID token, or what is sent like one, as the client
// has registered to get it: encrypted, or as it is. It fails as Encrypt does.
func (k *Keys) EncryptIDToken(ctx context.Context, c *storage.Client, signed string) (string, error) {
	m := c.Metadata
	if m.IDTokenEncryptedResponseAlg == "" {
		return signed, nil
	}
	return k.Encrypt(ctx, c, m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc, "JWT", []byte(signed))
}

// encryptionKey returns the first key that is for encryption with the algorithm,
// and looks for new ones if there is none.
func (k *Keys) encryptionKey(ctx context.Context, c *storage.Client, alg string) (jose.JSONWebKey, error) {
	set, err := k.current(ctx, c)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	key, ok := encrypts(set, alg)
	if !ok && c.Metadata.JWKSURI != "" {
		if set, err = k.anew(ctx, c); err != nil {
			return jose.JSONWebKey{}, err
		}
		key, ok = encrypts(set, alg)
	}
	if !ok {
		return jose.JSONWebKey{}, fmt.Errorf("%w: %s", ErrNoKey, alg)
	}
	return key, nil
}

// encrypts returns a key that can be encrypted to, preferably one that says that
// it is for that.
func encrypts(set []jose.JSONWebKey, alg string) (jose.JSONWebKey, bool) {
	for _, use := range []string{"enc", ""} {
		for _, key := range set {
			if key.Use != use || key.Algorithm != "" && key.Algorithm != alg {
				continue
			}
			switch key.Key.(type) {
			case *rsa.PublicKey:
				if strings.HasPrefix(alg, "RSA-OAEP") {
					return key, true
				}
			case *ecdsa.PublicKey:
				if strings.HasPrefix(alg, "ECDH-ES") {
					return key, true
				}
			}
		}
	}
	return jose.JSONWebKey{}, false
}
