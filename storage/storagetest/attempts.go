package storagetest

import (
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func attempts() tests {
	return tests{
		"ParallelAttemptsAreAllCounted":           testParallelAttempts,
		"AttemptsAreCountedAcrossIdentifiers":     testAttemptsAcrossIdentifiers,
		"AttemptsFromAKnownDeviceAreCountedApart": testAttemptsFromDevice,
		"DeviceOfAnotherUserIsNoDevice":           testAttemptsFromForeignDevice,
		"AttemptsOfNobodyAreCountedByIdentifier":  testAttemptsOfNobody,
		"AttemptsStartAnewAfterTheirWindow":       testAttemptsWindow,
		"SuccessfulSignInClearsAttempts":          testAttemptsCleared,
		"OperatorUnlocksOneUserOnAllDevices":      testUnlock,
		"AttemptReturnsUserAndConsent":            testAttemptReturnsUser,
		"ParallelAttemptsAndSignInsDoNotDeadlock": testAttemptsWhileClearing,
	}
}

func newAttempt(identifier string) storage.Attempt {
	return storage.Attempt{
		Identifier: identifier, Network: "192.0.2.0/24", Window: time.Minute, Now: now,
	}
}

// attempt counts one more, and returns the counts.
func (s *suite) attempt(t *testing.T, a storage.Attempt) (account, network int) {
	t.Helper()
	state, err := s.CountAttempt(t.Context(), a)
	ok(t, err)
	return state.Account, state.Network
}

func testParallelAttempts(t *testing.T, s *suite) {
	race(t, 40, nil, func(int) error {
		_, err := s.CountAttempt(t.Context(), newAttempt("user"))
		return err
	})
	account, network := s.attempt(t, newAttempt("user"))
	equal(t, []int{account, network}, []int{41, 41})
}

func testAttemptsAcrossIdentifiers(t *testing.T, s *suite) {
	s.attempt(t, newAttempt("user"))
	other := newAttempt("user@example.com")
	other.Network = "198.51.100.0/24"
	account, network := s.attempt(t, other)
	equal(t, []int{account, network}, []int{2, 1})
}

func testAttemptsFromDevice(t *testing.T, s *suite) {
	s.attempt(t, newAttempt("user"))
	known := newAttempt("user")
	known.Device, known.DeviceUser = "device", s.user.ID
	account, _ := s.attempt(t, known)
	equal(t, account, 1)
	account, _ = s.attempt(t, newAttempt("user"))
	equal(t, account, 2)
}

func testAttemptsFromForeignDevice(t *testing.T, s *suite) {
	s.attempt(t, newAttempt("user"))
	foreign := newAttempt("user")
	foreign.Device, foreign.DeviceUser = "device", "another"
	account, _ := s.attempt(t, foreign)
	equal(t, account, 2)
}

func testAttemptsOfNobody(t *testing.T, s *suite) {
	s.attempt(t, newAttempt("nobody"))
	account, network := s.attempt(t, newAttempt("nobody"))
	equal(t, []int{account, network}, []int{2, 2})
	account, network = s.attempt(t, newAttempt("somebody"))
	equal(t, []int{account, network}, []int{1, 3})
}

func testAttemptsWindow(t *testing.T, s *suite) {
	s.attempt(t, newAttempt("user"))
	a := newAttempt("user")
	a.Now = now.Add(a.Window - time.Microsecond)
	account, _ := s.attempt(t, a)
	equal(t, account, 2)
	a.Now = now.Add(a.Window) // of the first count: the second did not prolong it
	account, _ = s.attempt(t, a)
	equal(t, account, 1)
}

func testAttemptsCleared(t *testing.T, s *suite) {
	state, err := s.CountAttempt(t.Context(), newAttempt("user"))
	ok(t, err)
	_, err = s.CountAttempt(t.Context(), newAttempt("user"))
	ok(t, err)
	s.apply(t, storage.Write{Succeeded: &storage.Success{AccountKey: state.AccountKey, NetworkKey: state.NetworkKey}})
	account, network := s.attempt(t, newAttempt("user"))
	equal(t, []int{account, network}, []int{1, 2})
}

// An operator lets somebody try again, on known devices too, and nobody else.
func testUnlock(t *testing.T, s *suite) {
	other := s.user
	other.ID, other.Identifiers = "another-"+s.user.ID, []string{"other"}
	ok(t, s.SaveUser(t.Context(), other))
	known := newAttempt("user")
	known.Device, known.DeviceUser = "device", s.user.ID
	others := newAttempt("other")
	others.Device, others.DeviceUser = "device", other.ID
	all := []storage.Attempt{newAttempt("user"), known, newAttempt("other"), others}
	for _, a := range all {
		s.attempt(t, a)
	}
	ok(t, s.Unlock(t.Context(), s.user.ID))
	ok(t, s.Unlock(t.Context(), "nobody"))
	for i, want := range []int{1, 1, 2, 2} {
		account, _ := s.attempt(t, all[i])
		equal(t, account, want)
	}
}

func testAttemptReturnsUser(t *testing.T, s *suite) {
	s.apply(t, storage.Write{Consent: s.consent("openid")})
	a := newAttempt("user@example.com")
	a.ConsentFor = s.client.ID
	state, err := s.CountAttempt(t.Context(), a)
	ok(t, err)
	equal(t, state, storage.AttemptState{
		User: &s.user, Consent: []string{"openid"},
		AccountKey: a.AccountKey(s.user.ID), NetworkKey: a.NetworkKey(),
		Account: 1, Network: 1,
	})
}

func testAttemptsWhileClearing(t *testing.T, s *suite) {
	race(t, 40, nil, func(i int) error {
		a := newAttempt("user")
		if i%2 == 0 {
			_, err := s.CountAttempt(t.Context(), a)
			return err
		}
		return s.Apply(t.Context(), write(storage.Write{
			Succeeded: &storage.Success{AccountKey: a.AccountKey(s.user.ID), NetworkKey: a.NetworkKey()},
		}))
	})
}
