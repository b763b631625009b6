package main

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// Who has lost what they prove themselves with can sign in again, is told of each
// thing that was taken away, and sees it among what happened to their account.
func TestRemovedFactorsAreToldOf(t *testing.T) {
	t.Parallel()
	db := providertest.SQLite(t)
	p := &process{db: nil, secrets: providertest.Secrets(t, providertest.MasterSecret)}
	at := time.Now().UTC().Truncate(time.Second)
	u := storage.User{
		ID: "sam", Identifiers: []string{"sam@example.com"}, CreatedAt: at, UpdatedAt: at,
		Claims: storage.Claims{Email: "sam@example.com", EmailVerified: true},
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.SaveUser(t.Context(), u))
	for i, change := range []storage.UserChange{
		{SetTOTP: &storage.TOTP{UserID: "sam", SealedSecret: []byte("sealed"), CreatedAt: at}, RecoveryCodes: []storage.Hash{{1}, {2}}},
		{AddPasskey: &storage.Passkey{ID: []byte("one"), UserID: "sam", Name: "Phone", CreatedAt: at}},
		{AddPasskey: &storage.Passkey{ID: []byte("two"), UserID: "sam", Name: "Key", CreatedAt: at}},
	} {
		change.UserID = "sam"
		must(db.Apply(t.Context(), storage.Write{Key: string(rune('a' + i)), Now: at, Change: &change}))
	}
	factors, err := db.FindFactors(t.Context(), "sam")
	must(err)
	for _, w := range p.removals(u, factors) {
		must(db.Apply(t.Context(), w))
	}
	left, err := db.FindFactors(t.Context(), "sam")
	must(err)
	if left.TOTP != nil || len(left.Passkeys) != 0 || left.RecoveryCodes != 0 {
		t.Errorf("left: %+v", left)
	}
	mails, _, err := db.TakeMails(t.Context(), now(), now().Add(time.Minute), 10)
	must(err)
	told := map[string]int{}
	for _, sealed := range mails {
		m, err := mail.NewSealer(p.secrets).Open(sealed)
		must(err)
		if m.Kind == mail.FactorRemoved && m.To == "sam@example.com" {
			told[m.Factor]++
		}
	}
	activity, err := db.ListActivity(t.Context(), "sam", now().Add(time.Minute), 10)
	must(err)
	if told["totp"] != 1 || told["passkey"] != 2 || len(activity) != 3 {
		t.Errorf("told %v, activity %v", told, activity)
	}
}
