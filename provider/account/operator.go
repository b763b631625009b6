package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// byOperator is the amr of whoever signs in by a link that the operator gave them, for
// which RFC 8176 has no value.
const byOperator = "operator"

// Hand makes a link by which the user can sign in once, for the operator to hand over
// to somebody who is locked out. It is not mailed, and proves no address; a second
// factor is asked for as always.
func (l *Links) Hand(ctx context.Context, u *storage.User) (link string, expires time.Time, err error) {
	token, id, now := secret.Token(""), rand.Text(), l.Now()
	expires = now.Add(lifetimeOf(ToSignIn))
	err = l.Store.Apply(ctx, storage.Write{Key: rand.Text(), Now: now, Links: []storage.Link{{
		ID: id, Hash: storage.HashOf(token), Purpose: string(ToSignIn), UserID: u.ID, Email: u.Claims.Email,
		CodeHash:   storage.Hash(l.Codes.MAC([]byte(id), []byte(newCode()))), // which nobody gets
		SealedData: l.seal(id, linkData{Operator: true}), CreatedAt: now, ExpiresAt: expires,
	}}})
	if err != nil {
		return "", expires, fmt.Errorf("store the link: %w", err)
	}
	return l.Issuer + "/link?" + query(token, ""), expires, nil
}
