package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// attempt is one try to sign in, of somebody in a story.
type attempt struct {
	who   string
	login Login
	right bool
	at    time.Time
	// judged: the password was what decided, and not the number of attempts.
	judged, allowed bool
}

// story is what strangers and two people do in any order, in which one of the people
// guesses at the other's account.
func story(t *testing.T, b *bench, seed uint64) []attempt {
	t.Helper()
	dice := mathrand.New(mathrand.NewPCG(seed, 1))
	pick := func(choices ...string) string { return choices[dice.IntN(len(choices))] }
	var told []attempt
	for range 250 {
		b.now = b.now.Add(time.Duration(dice.IntN(40)) * time.Second)
		a := attempt{at: b.now}
		switch dice.IntN(10) {
		case 0: // Ada in the browser that she always uses, wherever she is
			a.who, a.right = "ada", true
			a.login = Login{Identifier: pick("ada", "ADA@example.com"), Device: "hers", DeviceUser: "ada", Network: pick("home", "café")}
		case 1: // Ada in another browser
			a.who, a.right = "ada elsewhere", true
			a.login = Login{Identifier: "ada", Network: pick("home", "café")}
		case 2: // who guesses has an account, signs in to it, and has a device known as theirs
			a.who, a.right = "ben", true
			a.login = Login{Identifier: "ben", Device: "bens", DeviceUser: pick("ben", "ada", ""), Network: pick("café", "n1", "n2")}
			if a.login.DeviceUser == "ada" {
				a.login.DeviceUser = "ben" // the cookie is signed: it says whose it is
			}
		case 3: // names that nobody has
			a.who, a.login = "stranger", Login{Identifier: pick("nobody", "somebody", "anybody"), Network: pick("n1", "n2")}
		default:
			a.who = "stranger"
			a.login = Login{
				Identifier: pick("ada", "Ada ", "ＡＤＡ", "ada@example.com"), Network: pick("café", "n1", "n2", "n3"),
				Device: pick("", "bens"), DeviceUser: "ben",
			}
		}
		told = append(told, b.try(t, a))
	}
	return told
}

func (b *bench) try(t *testing.T, a attempt) attempt {
	t.Helper()
	a.login.Password = "a wrong guess"
	if a.right {
		a.login.Password = right
	}
	outcome, err := b.Authenticate(t.Context(), a.login)
	if err != nil && !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
	a.allowed, a.judged = err == nil, err == nil || !strings.Contains(err.Error(), "too many attempts")
	if a.allowed {
		w := storage.Write{Key: rand.Text(), Now: b.now, Succeeded: outcome.Succeeded}
		if err := b.store.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// within counts the attempts of the story in the window that begins at the time.
func within(told []attempt, begin time.Time, window time.Duration, which func(attempt) bool) int {
	n := 0
	for _, a := range told {
		if !a.at.Before(begin) && a.at.Before(begin.Add(window)) && which(a) {
			n++
		}
	}
	return n
}

// hardening.md: one counter across identifiers and networks, which a stranger cannot
// turn into a lock-out, nor get around with an account of their own.
func TestGuessesAreBoundedAndTheOwnerGetsIn(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *bench{"SQLite": newBench, "PostgreSQL": newPostgresBench} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				b := open(t)
				b.Limits = Limits{Account: 4, Network: 9, Window: 5 * time.Minute}
				told := story(t, b, seed)
				checkStory(t, b.Limits, told)
			})
		}
	}
}

func checkStory(t *testing.T, limits Limits, told []attempt) {
	t.Helper()
	atAda := func(a attempt) bool { return a.who == "stranger" && isAda(a) }
	refused := 0
	for i, a := range told {
		switch {
		case a.who == "ada" && !a.allowed:
			t.Errorf("attempt %d: Ada is locked out of the browser that she always uses", i)
		case a.who == "stranger" && a.allowed:
			t.Errorf("attempt %d: a wrong guess is right", i)
		case !a.judged:
			refused++
		}
		// A window of the counter's can begin anywhere: in any stretch of its length
		// there are two at most, and each sign-in of Ada's begins one.
		judged := within(told, a.at, limits.Window, func(a attempt) bool { return atAda(a) && a.judged })
		begun := within(told, a.at, limits.Window, func(a attempt) bool { return a.who == "ada elsewhere" && a.allowed })
		if most := limits.Account * (2 + begun); judged > most {
			t.Errorf("from attempt %d: %d guesses at Ada's account were judged, %d are allowed", i, judged, most)
		}
		for _, network := range []string{"café", "n1", "n2", "n3"} {
			wrong := within(told, a.at, limits.Window, func(a attempt) bool {
				return a.who == "stranger" && a.login.Network == network && a.judged
			})
			if wrong > 2*limits.Network {
				t.Errorf("from attempt %d: %d guesses from %s were judged, %d are allowed", i, wrong, network, 2*limits.Network)
			}
		}
	}
	if refused < 20 {
		t.Errorf("%d attempts were too many: the story proves nothing", refused)
	}
}

func isAda(a attempt) bool {
	identifier, err := Normalise(a.login.Identifier)
	return err == nil && strings.HasPrefix(identifier, "ada")
}

// newPostgresBench is newBench over PostgreSQL.
func newPostgresBench(t *testing.T) *bench {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.NewDatabase(t)})
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
	b := newBench(t)
	for _, id := range []string{"ada", "ben"} {
		u, err := b.db.FindUser(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.SaveUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	b.Store, b.store = db, db
	return b
}
