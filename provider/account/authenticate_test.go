package account

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

const right = "correct horse battery staple"

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// bench is an authenticator on a real database in which some people are.
type bench struct {
	*Authenticator
	db  *sqlite.DB
	now time.Time
	// store is what the authenticator uses: db, unless a test says otherwise.
	store storage.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatelodge.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bench{db: db, store: db, now: start}
	b.Authenticator = &Authenticator{
		Store: db, Hasher: newHasher(t, cheap()), Limits: DefaultLimits(), Now: func() time.Time { return b.now },
	}
	hash, err := b.Hasher.Hash(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []storage.User{
		{ID: "ada", Identifiers: []string{"ada", "ada@example.com"}, PasswordHash: hash},
		{ID: "ben", Identifiers: []string{"ben"}, PasswordHash: hash},
		{ID: "disabled", Identifiers: []string{"disabled"}, PasswordHash: hash, DisabledAt: start},
		{ID: "passwordless", Identifiers: []string{"passwordless"}},
		{
			ID: "imported", Identifiers: []string{"imported"},
			PasswordHash: "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS",
		},
	} {
		user.CreatedAt, user.UpdatedAt = start, start
		if err := db.SaveUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// from is a login of Ada's from the network.
func from(network, password string) Login {
	return Login{Identifier: "ada", Password: password, Network: network}
}

// fail makes n attempts with a wrong password.
func (b *bench) fail(t *testing.T, login Login, n int) {
	t.Helper()
	login.Password = "wrong"
	for range n {
		if _, err := b.Authenticate(t.Context(), login); !errors.Is(err, ErrDenied) {
			t.Fatalf("got %v, want ErrDenied", err)
		}
	}
}

func (b *bench) wantDenied(t *testing.T, login Login, reason string) {
	t.Helper()
	outcome, err := b.Authenticate(t.Context(), login)
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), reason) {
		t.Errorf("got %v, want denied because of %q", err, reason)
	}
	if diff := cmp.Diff(Outcome{}, outcome); diff != "" {
		t.Errorf("a denial tells (-want +got):\n%s", diff)
	}
}

func (b *bench) wantAllowed(t *testing.T, login Login) Outcome {
	t.Helper()
	outcome, err := b.Authenticate(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.NotUpgraded != nil {
		t.Error(outcome.NotUpgraded)
	}
	return outcome
}

func TestRightPasswordSignsIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	outcome := b.wantAllowed(t, Login{Identifier: " ADA@example.com", Password: right, Network: "n"})
	if outcome.User.ID != "ada" || outcome.Identifier != "ada@example.com" || outcome.Succeeded == nil {
		t.Errorf("got %+v", outcome)
	}
}

func TestEveryDenialIsErrDenied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for reason, login := range denials() {
		b.wantDenied(t, login, reason)
	}
}

// denials are logins that are denied, by reason.
func denials() map[string]Login {
	return map[string]Login{
		"no such person":                     {Identifier: "nobody", Password: right},
		"wrong password":                     {Identifier: "ada", Password: "wrong"},
		"the account is disabled or deleted": {Identifier: "disabled", Password: right},
		"no password":                        {Identifier: "passwordless", Password: right},
		"identifier":                         {Identifier: "a\x00\xff", Password: right},
		"is empty":                           {},
		"wrong":                              {Identifier: "ada", Password: right + "\x00"},
		"password":                           {Identifier: "ada", Password: strings.Repeat("a", maxPassword+1)},
	}
}

// Whatever the reason, a password is hashed: while none can be, none of the denials
// is given.
func TestEveryDenialDoesTheSameWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	locked := Login{Identifier: "passwordless", Password: right}
	b.fail(t, locked, b.Limits.Account)
	b.wantDenied(t, locked, "too many attempts on the account")
	for range cap(b.Hasher.slots) {
		occupy(t, b.Hasher)
	}
	logins := denials()
	logins["locked"] = locked
	for reason, login := range logins {
		ctx, cancel := context.WithCancel(t.Context())
		b.Store = impatient{b.db, cancel}
		if _, err := b.Authenticate(ctx, login); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want to have waited for a password to be hashed", reason, err)
		}
	}
}

// impatient ends the request once the attempt is counted.
type impatient struct {
	Store
	cancel context.CancelFunc
}

func (s impatient) CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error) {
	defer s.cancel()
	return s.Store.CountAttempt(ctx, a)
}

// Who is told to come again may do so as often as they like.
func TestBusyIsNoAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range cap(b.Hasher.queue) {
		b.Hasher.queue <- struct{}{}
	}
	for range 2 * b.Limits.Account {
		if _, err := b.Authenticate(t.Context(), from("home", right)); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
	}
	b.Hasher.leave()
	b.wantAllowed(t, from("home", right))
}

// However often one address tries at once, there is a place for others.
func TestOneNetworkDoesNotTakeAllPlaces(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	taken := 0
	for b.enter("flood") == nil {
		taken++
	}
	if all := cap(b.Hasher.queue); taken == 0 || taken > all/2 {
		t.Errorf("one network takes %d of %d places", taken, all)
	}
	if _, err := b.Authenticate(t.Context(), from("flood", right)); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	b.wantAllowed(t, from("home", right))
	for range taken {
		b.leave("flood")
	}
	b.wantAllowed(t, from("flood", right))
	if len(b.crowd.underWay)+len(b.Hasher.queue) != 0 {
		t.Error("places are left taken")
	}
}

func TestTooManyAttemptsLockTheAccountForAWhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range b.Limits.Account {
		// Neither another network nor another of Ada's names starts anew.
		login := from(fmt.Sprint("network", i), "")
		login.Identifier = []string{"ada", "ADA@example.com"}[i%2]
		b.fail(t, login, 1)
	}
	b.wantDenied(t, from("home", right), "too many attempts on the account")
	b.now = start.Add(b.Limits.Window + time.Second)
	b.wantAllowed(t, from("home", right))
}

// Guesses in parallel cannot outrun the count.
func TestParallelGuessesAreAllCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var looked atomic.Int32
	done := make(chan struct{})
	for range 5 * b.Limits.Account {
		go func() {
			defer func() { done <- struct{}{} }()
			_, err := b.Authenticate(t.Context(), from("network", "wrong"))
			if err != nil && strings.Contains(err.Error(), "wrong password") {
				looked.Add(1)
			}
		}()
	}
	for range 5 * b.Limits.Account {
		<-done
	}
	if got := int(looked.Load()); got != b.Limits.Account {
		t.Errorf("%d guesses were answered by their password, want %d", got, b.Limits.Account)
	}
}

func TestStrangersCannotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fail(t, from("stranger", ""), 2*b.Limits.Account)
	known := from("home", right)
	known.Device, known.DeviceUser = "phone", "ada"
	b.wantAllowed(t, known)
	// A device of somebody else is a stranger's.
	known.DeviceUser = "disabled"
	b.wantDenied(t, known, "too many attempts on the account")
}

func TestKnownDeviceHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	known := from("home", right)
	known.Device, known.DeviceUser = "phone", "ada"
	b.fail(t, known, b.Limits.Account)
	b.wantDenied(t, known, "too many attempts on the account")
	b.wantAllowed(t, from("home", right))
}

func TestTooManyAttemptsLockTheNetwork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Limits.Network = 5
	for i := range b.Limits.Network {
		b.fail(t, Login{Identifier: fmt.Sprint("guess", i), Network: "botnet"}, 1)
	}
	b.wantDenied(t, from("botnet", right), "too many attempts from the network")
	b.wantAllowed(t, from("home", right))
	known := from("botnet", right) // Ada's café
	known.Device, known.DeviceUser = "phone", "ada"
	b.wantAllowed(t, known)
}

// Whoever signs in with an account of their own does not get more guesses at
// those of others; their own count starts anew.
func TestSuccessClearsTheAccountAndNotTheNetwork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Limits.Network = b.Limits.Account
	b.fail(t, from("n", ""), b.Limits.Account-1)
	outcome := b.wantAllowed(t, from("n", right))
	err := b.db.Apply(t.Context(), storage.Write{Key: "k", Now: b.now, Succeeded: outcome.Succeeded})
	if err != nil {
		t.Fatal(err)
	}
	b.fail(t, from("elsewhere", ""), b.Limits.Account-1)
	b.wantAllowed(t, from("n", right))
	b.wantDenied(t, Login{Identifier: "nobody", Network: "n"}, "too many attempts from the network")
}

func TestOutdatedHashIsUpgraded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	login := Login{Identifier: "imported", Password: "wrong"}
	b.wantDenied(t, login, "wrong password")
	login.Password = right
	outcome := b.wantAllowed(t, login)
	user, err := b.db.FindUser(t.Context(), "imported")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(user.PasswordHash, "$argon2id$") || user.PasswordHash != outcome.User.PasswordHash {
		t.Error("the hash is not upgraded")
	}
	if ok, outdated := verify(t, b.Hasher, user.PasswordHash, right); !ok || outdated {
		t.Errorf("the new hash: ok %t, outdated %t", ok, outdated)
	}
	b.wantAllowed(t, login)
}

// outage is a store that loses its database.
type outage struct {
	Store
	counting, replacing error
}

func (o outage) CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error) {
	if o.counting != nil {
		return storage.AttemptState{}, o.counting
	}
	return o.Store.CountAttempt(ctx, a)
}

func (o outage) ReplacePasswordHash(context.Context, string, string, string) error {
	return o.replacing
}

// Invariants: an outage is never a refusal, and what cannot be counted is not
// looked at.
func TestOutageIsNoDenial(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	down := errors.New("connection refused")
	b.Store = outage{Store: b.db, counting: down}
	_, err := b.Authenticate(t.Context(), from("n", right))
	if !errors.Is(err, down) || errors.Is(err, ErrDenied) {
		t.Errorf("got %v", err)
	}
}

func TestFailedUpgradeKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	down := errors.New("connection refused")
	b.Store = outage{Store: b.db, replacing: down}
	outcome, err := b.Authenticate(t.Context(), Login{Identifier: "imported", Password: right})
	if err != nil || outcome.User.ID != "imported" || !errors.Is(outcome.NotUpgraded, down) {
		t.Errorf("got %+v, %v", outcome, err)
	}
}

func TestErrorsDoNotRepeatWhatWasEntered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, login := range []Login{
		{Identifier: "hunter2hunter2", Password: "hunter2"}, {Identifier: "hunter2\x00", Password: "hunter2\x00"},
	} {
		if _, err := b.Authenticate(t.Context(), login); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}
