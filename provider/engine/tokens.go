package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"

	"github.com/gatelodge/gatelodge/provider/accesstoken"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// tokens makes the tokens. Opaque ones are random, so that there is nothing in
// them to validate: whether one is good is a question to the store.
type tokens struct{ *Engine }

var (
	_ oauth2.CoreStrategy               = tokens{}
	_ openid.OpenIDConnectTokenStrategy = tokens{}
)

func (tokens) AuthorizeCodeSignature(_ context.Context, code string) string { return code }

func (tokens) GenerateAuthorizeCode(context.Context, fosite.Requester) (token, signature string, err error) {
	code := secret.Token(accesstoken.CodePrefix)
	return code, code, nil
}

func (tokens) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }

func (tokens) RefreshTokenSignature(_ context.Context, token string) string { return token }

// GenerateRefreshToken returns a new family's first token, or the successor of
// the one presented. A successor follows from its predecessor: whoever presents
// that again, on any node, gets the same.
func (t tokens) GenerateRefreshToken(ctx context.Context, _ fosite.Requester) (token, signature string, err error) {
	w := workOf(ctx)
	token = secret.Token(accesstoken.RefreshPrefix)
	if w.state.Refresh != nil {
		token = t.successor(w.form.Get("refresh_token"), w.state.Refresh)
	}
	return token, token, nil
}

// successor derives the next token from the presented one, a salt that only
// the database has and a key that only we have: none of them alone gives it.
// After a change of the secret it is the one that has been stored.
func (e *Engine) successor(presented string, stored *storage.RefreshToken) string {
	var candidates []string
	for _, sum := range e.successors.MACs([]byte(presented), stored.Salt) {
		candidates = append(candidates, accesstoken.RefreshPrefix+base64.RawURLEncoding.EncodeToString(sum))
	}
	for _, c := range candidates {
		if storage.HashOf(c) == stored.Successor {
			return c
		}
	}
	return candidates[0]
}

func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	return salt
}

func (tokens) ValidateRefreshToken(context.Context, fosite.Requester, string) error { return nil }

func (tokens) AccessTokenSignature(_ context.Context, token string) string { return token }

// GenerateAccessToken returns an access token under [RFC 9068], or an opaque one
// if the client registered so.
//
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
func (t tokens) GenerateAccessToken(ctx context.Context, _ fosite.Requester) (token, signature string, err error) {
	w := workOf(ctx)
	w.accessExpiresAt = w.now.Add(t.Config.AccessTokenLifetime)
	if w.client.Metadata.AccessTokenFormat == "opaque" {
		token = secret.Token(accesstoken.OpaquePrefix)
		return token, token, nil
	}
	token, err = t.Keys.Sign(ctx, accessTokenAlg, accesstoken.Type, t.accessClaims(w))
	return token, token, err
}

// accessTokenAlg signs access tokens, whoever the client: resource servers
// verify them, not the client.
const accessTokenAlg = "ES256"

func (t tokens) accessClaims(w *work) accesstoken.Claims {
	c := accesstoken.Claims{
		Issuer:    t.Config.Issuer,
		Subject:   accesstoken.Subject(w.grant),
		Audience:  w.audience,
		ExpiresAt: w.accessExpiresAt.Unix(),
		IssuedAt:  w.now.Unix(),
		ID:        rand.Text(),
		ClientID:  w.client.ID,
		Scope:     strings.Join(w.scopes, " "),
		AMR:       w.grant.AMR,
	}
	if w.grant.UserID != "" {
		c.Grant = w.grant.ID
		c.AuthTime = w.grant.AuthTime.Unix()
	}
	return c
}

func (tokens) ValidateAccessToken(context.Context, fosite.Requester, string) error { return nil }

// GenerateIDToken returns an ID token, [OpenID Connect Core §2]. It is made
// afresh from the grant at each response that has one.
//
// [OpenID Connect Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
func (t tokens) GenerateIDToken(ctx context.Context, _ time.Duration, _ fosite.Requester) (string, error) {
	w := workOf(ctx)
	alg := cmp.Or(w.client.Metadata.IDTokenSignedResponseAlg, "RS256")
	set := map[string]any{
		"iss":       t.Config.Issuer,
		"sub":       accesstoken.Subject(w.grant),
		"aud":       w.client.ID,
		"iat":       w.now.Unix(),
		"exp":       w.now.Add(t.Config.IDTokenLifetime).Unix(),
		"auth_time": w.grant.AuthTime.Unix(),
	}
	if len(w.grant.AMR) > 0 {
		set["amr"] = w.grant.AMR
	}
	for name, value := range map[string]string{
		"acr": claims.ACR(w.grant.AMR), "sid": w.grant.SID, "nonce": w.nonce,
	} {
		if value != "" {
			set[name] = value
		}
	}
	addHashes(ctx, w, alg, set)
	if err := w.addUserClaims(set); err != nil {
		return "", err
	}
	signed, err := t.Keys.Sign(ctx, alg, "JWT", set)
	if err != nil {
		return "", err
	}
	return t.ClientKeys.EncryptIDToken(ctx, w.client, signed)
}

// addHashes binds the ID token to what comes with it, OpenID Connect Core
// §3.1.3.6 and §3.3.2.11, and to the state, FAPI 1.0 Part 2 §5.1.
func addHashes(ctx context.Context, w *work, alg string, set map[string]any) {
	var accessToken, code, state string
	switch w.front {
	case nil:
		if response, ok := ctx.Value(fosite.AccessResponseContextKey).(fosite.AccessResponder); ok {
			accessToken = response.GetAccessToken()
		}
	default:
		if response, ok := ctx.Value(fosite.AuthorizeResponseContextKey).(fosite.AuthorizeResponder); ok {
			accessToken, code = response.GetParameters().Get("access_token"), response.GetCode()
		}
		state = w.front.State
	}
	for name, value := range map[string]string{"at_hash": accessToken, "c_hash": code, "s_hash": state} {
		if value != "" {
			set[name] = leftHalf(alg, value)
		}
	}
}

// addUserClaims tells of the person what belongs into the ID token: what was
// asked for in it, and all that the scopes release for a client that is
// registered so or gets no access token to ask userinfo with, OpenID Connect
// Core §5.4.
func (w *work) addUserClaims(set map[string]any) error {
	requested, err := claims.ParseRequest(w.grant.Claims)
	if err != nil {
		return err
	}
	claims.AddRequested(set, w.user, requested.IDToken)
	if w.client.Metadata.IDTokenUserClaims || w.front != nil && slices.Equal(w.front.ResponseType, []string{"id_token"}) {
		claims.Add(set, w.user, w.scopes)
	}
	return nil
}

// leftHalf is at_hash and its relatives, OpenID Connect Core §3.1.3.6: the left
// half of the hash that belongs to the algorithm, which for Ed25519 is SHA-512.
func leftHalf(alg, value string) string {
	var sum []byte
	if alg == "EdDSA" {
		h := sha512.Sum512([]byte(value))
		sum = h[:]
	} else {
		h := sha256.Sum256([]byte(value))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// proven reports whether the verifier is the one that the S256 challenge was
// made of, RFC 7636 §4.6.
func proven(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return challenge != "" && subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}

// openid: the request's person is to be told who they are to the client.
func (w *work) openid() bool { return slices.Contains(w.scopes, "openid") && w.user != nil }
