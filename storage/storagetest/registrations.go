package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func registrations() tests {
	return tests{
		"ClientRegistersItself":                          testRegister,
		"RegistrationOfATakenIdentityIsAConflict":        testRegisterTaken,
		"InitialAccessTokenRegistersAsOftenAsItSays":     testInitialToken,
		"LastUseOfAnInitialAccessTokenIsOne":             testInitialTokenRace,
		"InitialAccessTokenExpiresByTheClockOfTheCaller": testInitialTokenExpiry,
		"RefusedRegistrationDoesNotUseItsToken":          testRefusedRegistration,
		"InitialAccessTokensAreListedAndDeleted":         testInitialTokens,
		"ClientIsUpdated":                                testUpdateClient,
		"ClientOfTheOperatorIsNotUpdated":                testOperatorsClient,
		"ClientThatIsUsedStays":                          testUsedClientStays,
		"ClientThatIsNotUsedGoes":                        testUnusedClientGoes,
		"CleanUpDoesNotTakeAClientThatIsJustBeingUsed":   testUseWhileCleaningUp,
		"CountersCountWithinTheirWindow":                 testCount,
		"ParallelCountsAreAllCounted":                    testParallelCounts,
	}
}

// registration is a client that registers itself.
func registration(id string) storage.Client {
	c := newClient(id)
	c.RegistrationHash = storage.HashOf("registration of " + id)
	c.CreatedAt, c.UpdatedAt, c.ExpiresAt = now, now, now.Add(time.Hour)
	return c
}

func newInitial(id string, uses int) storage.InitialAccessToken {
	return storage.InitialAccessToken{
		ID: id, Hash: storage.HashOf(id), Remaining: uses, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// initial adds a token for that many registrations.
func (s *suite) initial(t *testing.T, uses int) storage.Hash {
	t.Helper()
	token := newInitial("initial", uses)
	ok(t, s.AddInitialAccessToken(t.Context(), token))
	return token.Hash
}

func (s *suite) register(t *testing.T, id string) storage.Client {
	t.Helper()
	c := registration(id)
	ok(t, s.RegisterClient(t.Context(), c, storage.Hash{}))
	return c
}

func testRegister(t *testing.T, s *suite) {
	c := s.register(t, "registered")
	got, err := s.FindClient(t.Context(), c.ID)
	ok(t, err)
	equal(t, got, c)
	equal(t, s.read(t, storage.Wanted{ClientID: c.ID}), storage.State{Client: &c})
	// What the operator saves stays.
	c.RegistrationHash, c.ExpiresAt = storage.Hash{}, time.Time{}
	ok(t, s.SaveClient(t.Context(), c))
	equal(t, s.read(t, storage.Wanted{ClientID: c.ID}), storage.State{Client: &c})
}

func testRegisterTaken(t *testing.T, s *suite) {
	fails(t, s.RegisterClient(t.Context(), registration(s.client.ID), storage.Hash{}), storage.ErrConflict)
	equal(t, s.read(t, storage.Wanted{ClientID: s.client.ID}), storage.State{Client: &s.client})
}

func testInitialToken(t *testing.T, s *suite) {
	token := s.initial(t, 2)
	ok(t, s.RegisterClient(t.Context(), registration("a"), token))
	ok(t, s.RegisterClient(t.Context(), registration("b"), token))
	fails(t, s.RegisterClient(t.Context(), registration("c"), token), storage.ErrSpent)
	fails(t, s.RegisterClient(t.Context(), registration("c"), storage.HashOf("unknown")), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{ClientID: "c"}), storage.State{})
}

func testInitialTokenRace(t *testing.T, s *suite) {
	token := s.initial(t, 3)
	won := race(t, 24, storage.ErrSpent, func(i int) error {
		return s.RegisterClient(t.Context(), registration(string(rune('a'+i))), token)
	})
	equal(t, won, 3)
	all, err := s.ListClients(t.Context())
	ok(t, err)
	equal(t, len(all), 4)
}

func testInitialTokenExpiry(t *testing.T, s *suite) {
	token := s.initial(t, 2)
	late, just := registration("late"), registration("just in time")
	late.CreatedAt = now.Add(time.Hour)
	just.CreatedAt = late.CreatedAt.Add(-time.Microsecond)
	fails(t, s.RegisterClient(t.Context(), late, token), storage.ErrSpent)
	ok(t, s.RegisterClient(t.Context(), just, token))
}

func testRefusedRegistration(t *testing.T, s *suite) {
	token := s.initial(t, 1)
	fails(t, s.RegisterClient(t.Context(), registration(s.client.ID), token), storage.ErrConflict)
	ok(t, s.RegisterClient(t.Context(), registration("new"), token))
}

func testInitialTokens(t *testing.T, s *suite) {
	second, first := newInitial("a", 1), newInitial("z", 5)
	first.CreatedAt = now.Add(-time.Minute)
	for _, token := range []storage.InitialAccessToken{second, first} {
		ok(t, s.AddInitialAccessToken(t.Context(), token))
		fails(t, s.AddInitialAccessToken(t.Context(), token), storage.ErrConflict)
	}
	ok(t, s.RegisterClient(t.Context(), registration("new"), first.Hash))
	first.Remaining = 4
	s.listsInitial(t, first, second)
	ok(t, s.DeleteInitialAccessToken(t.Context(), first.ID))
	fails(t, s.RegisterClient(t.Context(), registration("too late"), first.Hash), storage.ErrSpent)
	s.cleanUp(t, second.ExpiresAt.Add(-time.Microsecond), 10)
	s.listsInitial(t, second)
	equal(t, s.cleanUp(t, second.ExpiresAt, 10), 2) // and the client
	s.listsInitial(t)
}

func (s *suite) listsInitial(t *testing.T, want ...storage.InitialAccessToken) {
	t.Helper()
	all, err := s.ListInitialAccessTokens(t.Context())
	ok(t, err)
	equal(t, all, want)
}

// RFC 7592 §2.2: what is left out is gone, and the credentials may be new ones.
func testUpdateClient(t *testing.T, s *suite) {
	c := s.register(t, "registered")
	c.Metadata = storage.ClientMetadata{ClientName: "Changed"}
	c.SecretHash, c.RegistrationHash = []byte("new"), storage.HashOf("new")
	c.UpdatedAt, c.ExpiresAt = now.Add(time.Minute), now.Add(2*time.Hour)
	ok(t, s.UpdateClient(t.Context(), c))
	equal(t, s.read(t, storage.Wanted{ClientID: c.ID}), storage.State{Client: &c})
}

// A client that was read before the operator took it over does not take it back.
func testOperatorsClient(t *testing.T, s *suite) {
	read := s.register(t, "registered")
	taken := read
	taken.RegistrationHash, taken.ExpiresAt = storage.Hash{}, time.Time{}
	taken.Metadata.SkipConsent = true
	ok(t, s.SaveClient(t.Context(), taken))
	read.Metadata = storage.ClientMetadata{ClientName: "Changed"}
	fails(t, s.UpdateClient(t.Context(), read), storage.ErrNotFound)
	equal(t, s.read(t, storage.Wanted{ClientID: read.ID}), storage.State{Client: &taken})
}

func testUsedClientStays(t *testing.T, s *suite) {
	read := s.register(t, "registered")
	w := write(storage.Write{UsesClient: read.ID})
	ok(t, s.Apply(t.Context(), w))
	ok(t, s.Apply(t.Context(), w))
	used := read
	used.ExpiresAt = time.Time{}
	equal(t, s.read(t, storage.Wanted{ClientID: read.ID}), storage.State{Client: &used})

	ok(t, s.UpdateClient(t.Context(), read)) // as it was read before it was used
	equal(t, s.cleanUp(t, read.ExpiresAt, 10), 0)
	equal(t, s.read(t, storage.Wanted{ClientID: read.ID}), storage.State{Client: &used})

	// A write that is refused is no use.
	unused := s.register(t, "unused")
	_, spent := s.code(t)
	s.apply(t, storage.Write{Redeem: s.redeem(spent)})
	fails(t, s.Apply(t.Context(), write(storage.Write{
		Redeem: s.redeem(spent), UsesClient: unused.ID,
	})), storage.ErrSpent)
	equal(t, s.read(t, storage.Wanted{ClientID: unused.ID}), storage.State{Client: &unused})
}

func testUnusedClientGoes(t *testing.T, s *suite) {
	c := s.register(t, "registered")
	equal(t, s.cleanUp(t, c.ExpiresAt.Add(-time.Microsecond), 10), 0)
	equal(t, s.cleanUp(t, c.ExpiresAt, 10), 1)
	equal(t, s.read(t, storage.Wanted{ClientID: c.ID}), storage.State{})
}

// Either the use finds the client gone, or the client stays.
func testUseWhileCleaningUp(t *testing.T, s *suite) {
	clients, used := make([]storage.Client, 16), make([]bool, 16)
	for i := range clients {
		clients[i] = s.register(t, string(rune('a'+i)))
	}
	race(t, len(clients)+1, storage.ErrNotFound, func(i int) error {
		if i == len(clients) {
			_, err := s.DeleteExpired(t.Context(), clients[0].ExpiresAt, 100)
			return err
		}
		g := s.newGrant()
		g.ClientID = clients[i].ID
		err := s.Apply(t.Context(), write(storage.Write{Grant: g, UsesClient: g.ClientID}))
		used[i] = err == nil
		return err
	})
	for i, c := range clients {
		equal(t, s.read(t, storage.Wanted{ClientID: c.ID}).Client != nil, used[i])
	}
}

func testCount(t *testing.T, s *suite) {
	count := func(key string, at time.Time) int {
		n, err := s.Count(t.Context(), key, time.Minute, at)
		ok(t, err)
		return n
	}
	last := now.Add(time.Minute - time.Microsecond)
	equal(t, []int{count("a", now), count("b", now), count("a", last)}, []int{1, 1, 2})
	equal(t, count("a", now.Add(time.Minute)), 1) // of the first: the second did not prolong it
	equal(t, s.cleanUp(t, now.Add(time.Minute), 10), 1)
}

func testParallelCounts(t *testing.T, s *suite) {
	race(t, 24, nil, func(int) error {
		_, err := s.Count(t.Context(), "key", time.Minute, now)
		return err
	})
	n, err := s.Count(t.Context(), "key", time.Minute, now)
	ok(t, err)
	equal(t, n, 25)
}
