package storagetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/storage"
)

func factors() tests {
	return tests{
		"FactorsAreReadByTheirUser":                testFactors,
		"FactorsOfNobodyAreNone":                   testNoFactors,
		"AttemptsByUserAndPasskeyAreTheAccounts":   testAttemptsByFactor,
		"AttemptsAtAnUnknownPasskeyAreCounted":     testAttemptsAtUnknownPasskey,
		"TOTPStepIsSingleUse":                      testTOTPIsSingleUse,
		"TOTPStepIsLaterThanTheLast":               testTOTPSteps,
		"TOTPIsReplacedAndRemoved":                 testReplacedTOTP,
		"RecoveryCodeIsSingleUse":                  testRecoveryCodeIsSingleUse,
		"RecoveryCodeIsOfOneUser":                  testRecoveryCodeOfOneUser,
		"RecoveryCodesAreReplaced":                 testReplacedRecoveryCodes,
		"FactorIsUsedAgainByTheSameWrite":          testFactorAgain,
		"FactorIsNotUsedByAWriteThatIsRefused":     testFactorIsNotBurnt,
		"FactorThatIsUsedCanBeRemoved":             testUsedFactorIsRemoved,
		"PasskeyIsOfOneUser":                       testPasskeyConflict,
		"PasskeyIsChangedByItsUserOnly":            testForeignPasskey,
		"PasskeyThatWasRemovedSignsNobodyIn":       testRemovedPasskey,
		"SignatureCounterOfAPasskeyNeverGoesBack":  testSignCount,
		"NothingByAPasskeyOutlivesItsRemoval":      testRemovedPasskeyRace,
		"FactorsAreKeptWhenTheOperatorSavesAUser":  testFactorsOfSavedUser,
		"FactorsOfAUserWhoIsDeletedCanBeUsedAnew":  testFactorsOfDeletedUser,
		"ParallelUsesOfManyFactorsDoNotDeadlock":   testParallelFactors,
		"FactorIsNotUsedAfterAChangeOfThePassword": testFactorAfterChange,
	}
}

func newPasskey(userID string) storage.Passkey {
	return storage.Passkey{
		ID: []byte(rand.Text()), UserID: userID, Name: "Zoë's phone", PublicKey: []byte("key"),
		AAGUID: []byte("aaguid"), Transports: []string{"internal", "hybrid"}, SignCount: 7,
		BackupEligible: true, CreatedAt: now,
	}
}

func newTOTP(userID string) storage.TOTP {
	return storage.TOTP{UserID: userID, SealedSecret: []byte("secret"), LastStep: 100, CreatedAt: now}
}

// recoveryCodes are the hashes of codes.
func recoveryCodes(codes ...string) []storage.Hash {
	hashes := []storage.Hash{}
	for _, code := range codes {
		hashes = append(hashes, storage.HashOf(code))
	}
	return hashes
}

// change changes the suite's user.
func (s *suite) change(t *testing.T, c storage.UserChange) {
	t.Helper()
	c.UserID = s.user.ID
	s.apply(t, storage.Write{Change: &c})
}

// enrol gives the suite's user a factor of each kind.
func (s *suite) enrol(t *testing.T) storage.Factors {
	t.Helper()
	totp, passkey := newTOTP(s.user.ID), newPasskey(s.user.ID)
	s.change(t, storage.UserChange{
		SetTOTP: &totp, AddPasskey: &passkey, RecoveryCodes: recoveryCodes("first", "second"),
	})
	return storage.Factors{TOTP: &totp, Passkeys: []storage.Passkey{passkey}, RecoveryCodes: 2}
}

// has proves what factors the suite's user has.
func (s *suite) has(t *testing.T, want storage.Factors) {
	t.Helper()
	got, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, want)
	a := newAttempt("")
	a.UserID = s.user.ID
	state, err := s.CountAttempt(t.Context(), a)
	ok(t, err)
	equal(t, state.Factors, want)
}

func testFactors(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.has(t, want)
	second := newPasskey(s.user.ID)
	second.CreatedAt, second.Name, second.Transports, second.BackupEligible = now.Add(time.Second), "", nil, false
	second.LastUsedAt = now.Add(time.Minute)
	s.change(t, storage.UserChange{AddPasskey: &second})
	want.Passkeys = append(want.Passkeys, second)
	s.has(t, want)

	s.change(t, storage.UserChange{RenamePasskey: &storage.PasskeyName{ID: second.ID, Name: "Key"}})
	want.Passkeys[1].Name = "Key"
	s.has(t, want)
	s.change(t, storage.UserChange{RemovePasskey: want.Passkeys[0].ID})
	want.Passkeys = want.Passkeys[1:]
	s.has(t, want)
}

func testNoFactors(t *testing.T, s *suite) {
	s.has(t, storage.Factors{})
	got, err := s.FindFactors(t.Context(), "nobody")
	ok(t, err)
	equal(t, got, storage.Factors{})
}

func testAttemptsByFactor(t *testing.T, s *suite) {
	passkey := s.enrol(t).Passkeys[0]
	s.apply(t, storage.Write{Consent: s.consent("openid")})
	for i, a := range []storage.Attempt{
		{Identifier: "user"}, {UserID: s.user.ID}, {Passkey: passkey.ID}, {Identifier: "user@example.com"},
	} {
		a.Now, a.Window, a.Network, a.ConsentFor = now, time.Minute, "192.0.2.0/24", s.client.ID
		state, err := s.CountAttempt(t.Context(), a)
		ok(t, err)
		equal(t, state.User, &s.user)
		equal(t, state.Consent, []string{"openid"})
		equal(t, len(state.Factors.Passkeys), 1)
		equal(t, []int{state.Account, state.Network}, []int{i + 1, i + 1})
		equal(t, state.AccountKey, storage.UserAccountKey+s.user.ID)
	}
}

func testAttemptsAtUnknownPasskey(t *testing.T, s *suite) {
	for i, want := range []int{1, 2, 1, 1} {
		a := newAttempt("")
		switch i {
		case 0, 1:
			a.Passkey = []byte("unknown")
		case 2:
			a.Passkey = []byte("other")
		default:
			a.UserID = "nobody"
		}
		state, err := s.CountAttempt(t.Context(), a)
		ok(t, err)
		equal(t, []int{state.Account, state.Network}, []int{want, i + 1})
		equal(t, state.User, (*storage.User)(nil))
		equal(t, state.AccountKey, a.AccountKey(""))
	}
}

// second returns a write that signs in with the step.
func (s *suite) second(step int64) storage.Write {
	return write(storage.Write{
		Verified: s.verified(), Session: newSession(s.user.ID),
		UseTOTP: &storage.TOTPUse{UserID: s.user.ID, Step: step},
	})
}

// recovers returns a write that signs in with the recovery code.
func (s *suite) recovers(code string) storage.Write {
	return write(storage.Write{
		Verified: s.verified(), Session: newSession(s.user.ID),
		UseRecoveryCode: &storage.RecoveryCodeUse{UserID: s.user.ID, Hash: storage.HashOf(code)},
	})
}

// signsInOnce proves that of many at once, one gets in.
func (s *suite) signsInOnce(t *testing.T, attempt func() storage.Write) {
	t.Helper()
	writes := make([]storage.Write, 64)
	won := race(t, len(writes), storage.ErrSpent, func(i int) error {
		writes[i] = attempt()
		return s.Apply(t.Context(), writes[i])
	})
	equal(t, won, 1)
	in := 0
	for _, w := range writes {
		if s.signedIn(t, w.Session.Hash).Session.ID != "" {
			in++
		}
	}
	equal(t, in, 1)
}

// RFC 6238 §5.2: a code is not accepted twice, in parallel either.
func testTOTPIsSingleUse(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.signsInOnce(t, func() storage.Write { return s.second(101) })
	want.TOTP.LastStep = 101
	s.has(t, want)
}

func testTOTPSteps(t *testing.T, s *suite) {
	fails(t, s.Apply(t.Context(), s.second(101)), storage.ErrSpent) // there is none
	want := s.enrol(t)
	for _, step := range []int64{99, 100} {
		fails(t, s.Apply(t.Context(), s.second(step)), storage.ErrSpent)
	}
	s.has(t, want)
	s.apply(t, s.second(103))
	fails(t, s.Apply(t.Context(), s.second(102)), storage.ErrSpent)
	s.apply(t, s.second(104))
}

func testReplacedTOTP(t *testing.T, s *suite) {
	want := s.enrol(t)
	w := s.second(105)
	ok(t, s.Apply(t.Context(), w))
	anew := storage.TOTP{SealedSecret: []byte("new secret"), LastStep: 102, CreatedAt: now.Add(time.Second)}
	s.change(t, storage.UserChange{SetTOTP: &anew})
	anew.UserID = s.user.ID
	want.TOTP = &anew
	s.has(t, want)
	s.apply(t, s.second(103))
	fails(t, s.Apply(t.Context(), s.second(103)), storage.ErrSpent)

	s.change(t, storage.UserChange{RemoveTOTP: true})
	want.TOTP = nil
	s.has(t, want)
	fails(t, s.Apply(t.Context(), s.second(106)), storage.ErrSpent)
}

func testRecoveryCodeIsSingleUse(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.signsInOnce(t, func() storage.Write { return s.recovers("first") })
	want.RecoveryCodes = 1
	s.has(t, want)
	s.apply(t, s.recovers("second"))
}

func testRecoveryCodeOfOneUser(t *testing.T, s *suite) {
	other := s.newUser(t, "other")
	want := s.enrol(t)
	s.apply(t, storage.Write{
		Change: &storage.UserChange{UserID: other.ID, RecoveryCodes: recoveryCodes("others", "second")},
	})
	fails(t, s.Apply(t.Context(), s.recovers("others")), storage.ErrSpent)
	fails(t, s.Apply(t.Context(), s.recovers("unknown")), storage.ErrSpent)
	s.apply(t, s.recovers("second"))
	want.RecoveryCodes = 1
	s.has(t, want)
	got, err := s.FindFactors(t.Context(), other.ID)
	ok(t, err)
	equal(t, got.RecoveryCodes, 2)
}

func testReplacedRecoveryCodes(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.apply(t, s.recovers("first"))
	s.change(t, storage.UserChange{RecoveryCodes: recoveryCodes("first", "a", "b")})
	want.RecoveryCodes = 3
	s.has(t, want)
	fails(t, s.Apply(t.Context(), s.recovers("second")), storage.ErrSpent)
	s.apply(t, s.recovers("first"))
	s.change(t, storage.UserChange{RecoveryCodes: recoveryCodes()})
	want.RecoveryCodes = 0
	s.has(t, want)
}

func testFactorAgain(t *testing.T, s *suite) {
	s.enrol(t)
	for _, w := range []storage.Write{s.second(101), s.recovers("first")} {
		ok(t, s.Apply(t.Context(), w))
		ok(t, s.Apply(t.Context(), w))
		s.isSignedIn(t, w.Session, true)
		w.Key = rand.Text()
		fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
	}
}

func testFactorIsNotBurnt(t *testing.T, s *suite) {
	want, ended := s.enrol(t), s.session(t)
	s.end(t, ended)
	for _, factor := range []storage.Write{s.second(101), s.recovers("first")} {
		factor.Verified.PasswordHash = "another"
		fails(t, s.Apply(t.Context(), factor), storage.ErrSpent)
		factor.Verified = s.verified()
		factor.Session = ended
		fails(t, s.Apply(t.Context(), factor), storage.ErrSpent)
		s.has(t, want)
	}
}

// The rest of the write is still done.
func testUsedFactorIsRemoved(t *testing.T, s *suite) {
	s.enrol(t)
	for _, w := range []storage.Write{s.second(101), s.recovers("first")} {
		w.Change = &storage.UserChange{UserID: s.user.ID, RemoveTOTP: true, RecoveryCodes: recoveryCodes("new")}
		ok(t, s.Apply(t.Context(), w))
		ok(t, s.Apply(t.Context(), w))
		s.isSignedIn(t, w.Session, true)
		s.change(t, storage.UserChange{RecoveryCodes: recoveryCodes("first")})
	}
}

func testPasskeyConflict(t *testing.T, s *suite) {
	want := s.enrol(t)
	other := s.newUser(t, "other")
	passkey := want.Passkeys[0]
	for _, userID := range []string{other.ID, s.user.ID} {
		w := write(storage.Write{
			Change:  &storage.UserChange{UserID: userID, AddPasskey: &passkey, Claims: &storage.Claims{Name: "Changed"}},
			Session: newSession(userID),
		})
		fails(t, s.Apply(t.Context(), w), storage.ErrConflict)
		s.isSignedIn(t, w.Session, false)
	}
	s.has(t, want)
	got, err := s.FindUser(t.Context(), other.ID)
	ok(t, err)
	equal(t, got, other)
}

func testForeignPasskey(t *testing.T, s *suite) {
	want := s.enrol(t)
	other := s.newUser(t, "other")
	id := want.Passkeys[0].ID
	for _, c := range []storage.UserChange{
		{RenamePasskey: &storage.PasskeyName{ID: id, Name: "Mine"}}, {RemovePasskey: id},
	} {
		c.UserID = other.ID
		s.apply(t, storage.Write{Change: &c})
		s.has(t, want)
	}
}

// touch returns a write that signs in with the passkey.
func (s *suite) touch(p storage.Passkey, count uint32) storage.Write {
	return write(storage.Write{
		Verified: s.verified(), Session: newSession(s.user.ID), Now: now.Add(time.Minute),
		UsePasskey: &storage.PasskeyUse{ID: p.ID, SignCount: count, BackedUp: true},
	})
}

func testRemovedPasskey(t *testing.T, s *suite) {
	passkey := s.enrol(t).Passkeys[0]
	w := s.touch(passkey, 8)
	s.change(t, storage.UserChange{RemovePasskey: passkey.ID})
	fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
	s.isSignedIn(t, w.Session, false)
}

func testSignCount(t *testing.T, s *suite) {
	want := s.enrol(t)
	passkey := &want.Passkeys[0]
	passkey.LastUsedAt, passkey.BackedUp = now.Add(time.Minute), true
	for _, count := range []uint32{9, 8, 1<<32 - 1} {
		s.apply(t, s.touch(*passkey, count))
		passkey.SignCount = max(passkey.SignCount, count)
		s.has(t, want)
	}
	refused := s.touch(*passkey, 0)
	refused.Now, refused.Verified.PasswordHash = now.Add(time.Hour), "another"
	fails(t, s.Apply(t.Context(), refused), storage.ErrSpent)
	s.has(t, want)
}

// A sign-in with the passkey can be under way when its owner removes it, and ends
// all sessions for good measure.
func testRemovedPasskeyRace(t *testing.T, s *suite) {
	passkey := s.enrol(t).Passkeys[0]
	writes := make([]storage.Write, 16)
	race(t, len(writes)+1, storage.ErrSpent, func(i int) error {
		if i == len(writes) {
			return s.Apply(t.Context(), write(storage.Write{Change: &storage.UserChange{
				UserID: s.user.ID, RemovePasskey: passkey.ID, PasswordHash: &s.user.PasswordHash,
			}}))
		}
		writes[i] = s.touch(passkey, 8)
		return s.Apply(t.Context(), writes[i])
	})
	for _, w := range writes {
		s.isSignedIn(t, w.Session, false)
	}
}

func testFactorsOfSavedUser(t *testing.T, s *suite) {
	want := s.enrol(t)
	s.user.PasswordHash = "$argon2id$new"
	ok(t, s.SaveUser(t.Context(), s.user))
	s.has(t, want)
}

func testFactorsOfDeletedUser(t *testing.T, s *suite) {
	passkey := s.enrol(t).Passkeys[0]
	ok(t, s.DeleteUser(t.Context(), s.user.ID, now))
	got, err := s.FindFactors(t.Context(), s.user.ID)
	ok(t, err)
	equal(t, got, storage.Factors{})
	other := s.newUser(t, "other")
	passkey.UserID = other.ID
	s.apply(t, storage.Write{Change: &storage.UserChange{UserID: other.ID, AddPasskey: &passkey}})
}

func testParallelFactors(t *testing.T, s *suite) {
	passkey := s.enrol(t).Passkeys[0]
	race(t, 32, storage.ErrSpent, func(i int) error {
		switch i % 4 {
		case 0:
			return s.Apply(t.Context(), s.second(int64(101+i)))
		case 1:
			return s.Apply(t.Context(), s.touch(passkey, uint32(8+i)))
		case 2:
			return s.Apply(t.Context(), s.recovers("first"))
		default:
			return s.Apply(t.Context(), write(storage.Write{Verified: s.verified(), Change: &storage.UserChange{
				UserID: s.user.ID, RecoveryCodes: recoveryCodes("first"),
				RenamePasskey: &storage.PasskeyName{ID: passkey.ID, Name: "Renamed"},
			}}))
		}
	})
}

func testFactorAfterChange(t *testing.T, s *suite) {
	want, password := s.enrol(t), "$argon2id$new"
	second, recovers, touch := s.second(101), s.recovers("first"), s.touch(want.Passkeys[0], 8)
	s.change(t, storage.UserChange{PasswordHash: &password})
	for _, w := range []storage.Write{second, recovers, touch} {
		fails(t, s.Apply(t.Context(), w), storage.ErrSpent)
		s.isSignedIn(t, w.Session, false)
	}
	s.has(t, want)
}
