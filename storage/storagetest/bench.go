package storagetest

import (
	"crypto/rand"
	"testing"

	"github.com/gatelodge/gatelodge/storage"
)

// Bench measures what a sign-in and the exchange of a code ask of an empty store: the
// attempt, the write that creates the grant, in a session or not, the read, and the
// write that redeems, each by parallel requests.
func Bench(b *testing.B, store storage.Store) {
	b.Helper()
	s := &suite{Store: store, client: newClient("client"), user: newUser("user")}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.SaveClient(b.Context(), s.client))
	must(s.SaveUser(b.Context(), s.user))

	create := func(w storage.Write) error { return s.Apply(b.Context(), w) }
	read := func(w storage.Write) error {
		_, err := s.Read(b.Context(), storage.Wanted{ClientID: s.client.ID, Code: w.Code.Hash})
		return err
	}
	redeem := func(w storage.Write) error {
		return s.Apply(b.Context(), storage.Write{
			Key: rand.Text(), Now: now, Redeem: s.redeem(w.Code), Refresh: newRefresh(w.Grant),
		})
	}
	b.Run("authorize", func(b *testing.B) {
		writes := s.newWrites(b.N)
		for i := range writes {
			session := newSession(s.user.ID)
			must(create(write(storage.Write{Session: session})))
			writes[i].Verified = s.verifiedIn(session)
		}
		parallel(b, writes, create)
	})
	b.Run("attempt", func(b *testing.B) {
		parallel(b, make([]storage.Write, b.N), func(storage.Write) error {
			_, err := s.CountAttempt(b.Context(), newAttempt("user"))
			return err
		})
	})
	b.Run("create", func(b *testing.B) { parallel(b, s.newWrites(b.N), create) })
	for name, f := range map[string]func(storage.Write) error{"read": read, "redeem": redeem} {
		b.Run(name, func(b *testing.B) {
			writes := s.newWrites(b.N)
			for _, w := range writes {
				must(create(w))
			}
			parallel(b, writes, f)
		})
	}
}

// newWrites returns writes that create a grant with a code each.
func (s *suite) newWrites(n int) []storage.Write {
	writes := make([]storage.Write, n)
	for i := range writes {
		g := s.newGrant()
		writes[i] = write(storage.Write{Grant: g, Code: newCode(g)})
	}
	return writes
}

// parallel calls f for each write, eight at once on two cores.
func parallel(b *testing.B, writes []storage.Write, f func(storage.Write) error) {
	b.Helper()
	next := make(chan storage.Write, len(writes))
	for _, w := range writes {
		next <- w
	}
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(<-next); err != nil {
				b.Error(err)
			}
		}
	})
}
