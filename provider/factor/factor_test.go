package factor_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// clock is the time of a keeper.
type clock struct{ now time.Time }

func newKeeper(t *testing.T, change ...func(*factor.Config)) (*factor.Keeper, *clock) {
	t.Helper()
	secrets, err := secret.New("a master secret for tests, 32 bytes or more")
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	config := factor.Config{
		Issuer: "https://id.example", Name: "Gate & Lodge", Secrets: secrets,
		Mails: mail.Sealer{Key: secrets.For("mails")}, Lifetime: time.Hour,
		Now: func() time.Time { return c.now },
	}
	for _, f := range change {
		f(&config)
	}
	k, err := factor.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

func ada() *storage.User {
	return &storage.User{
		ID: "ada", Identifiers: []string{"ada@example.com"},
		Claims: storage.Claims{Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true},
	}
}

// RFC 6238 Appendix B, the last six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t)
	_, ceremony := k.BeginTOTP(ada())
	ceremony.Secret = []byte("12345678901234567890")
	for seconds, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
		2000000000: "279037", 20000000000: "353130",
	} {
		c.now = time.Unix(seconds, 0)
		ceremony.At = c.now
		if _, err := k.FinishTOTP(ada(), ceremony, code); err != nil {
			t.Errorf("%d: %v", seconds, err)
		}
	}
}

// One step of drift to either side, RFC 6238 §5.2, however the code was typed; and
// no code twice.
func TestCodeOfAnAuthenticatorApp(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t)
	setup, ceremony := k.BeginTOTP(ada())
	app := func(at time.Duration) string { return factor.Code(ceremony.Secret, c.now.Add(at)) }
	added, err := k.FinishTOTP(ada(), ceremony, app(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.CheckTOTP(added, app(0)); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("the code that added the app signs in: %v", err)
	}
	if strings.Contains(string(added.SealedSecret), string(ceremony.Secret)) {
		t.Error("the secret is stored as it is")
	}
	c.now = c.now.Add(5 * time.Minute)
	now := app(0)
	for name, code := range map[string]string{
		"now": now, "before": app(-30 * time.Second), "after": app(30 * time.Second),
		"with a space": now[:3] + " " + now[3:], "with a dash": " " + now[:3] + "-" + now[3:] + "\n",
	} {
		if use, err := k.CheckTOTP(added, code); err != nil || use.UserID != "ada" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, code := range map[string]string{
		"none": "", "long ago": app(-time.Minute), "too early": app(time.Minute), "short": now[1:], "long": now + "0",
	} {
		if _, err := k.CheckTOTP(added, code); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.CheckTOTP(nil, now); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("without an app: %v", err)
	}
	use, err := k.CheckTOTP(added, now)
	if err != nil {
		t.Fatal(err)
	}
	added.LastStep = use.Step
	if _, err := k.CheckTOTP(added, app(-30*time.Second)); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("a code from before the last that was used: %v", err)
	}
	if plain := strings.ReplaceAll(setup.Secret, " ", ""); plain != base32.StdEncoding.EncodeToString(ceremony.Secret) {
		t.Errorf("shown as %s", setup.Secret)
	}
	if want := "otpauth://totp/Gate%20&%20Lodge:ada@example.com?secret=" + base32.StdEncoding.EncodeToString(ceremony.Secret) +
		"&issuer=Gate%20%26%20Lodge"; setup.URI != want {
		t.Errorf("got %s, want %s", setup.URI, want)
	}
	if setup.QR.Size < 29 || !strings.HasPrefix(setup.QR.Path, "M4 4h7v1h-7z") {
		t.Errorf("the QR code is %d wide: %.40s", setup.QR.Size, setup.QR.Path)
	}
}

// What was begun is finished by whoever began it, as what it was begun for, and
// while its page is good.
func TestCeremonyIsBoundToWhoBeganItAndForWhat(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t)
	_, ceremony := k.BeginTOTP(ada())
	code := func() string { return factor.Code(ceremony.Secret, c.now) }
	bo := ada()
	bo.ID = "bo"
	if _, err := k.FinishTOTP(bo, ceremony, code()); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("somebody else: %v", err)
	}
	_, create := k.BeginNewPasskey(ada(), nil)
	if _, err := k.FinishTOTP(ada(), create, factor.Code(create.Secret, c.now)); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("another purpose: %v", err)
	}
	if _, err := k.FinishTOTP(ada(), factor.Ceremony{}, factor.Code(nil, c.now)); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("nothing was begun: %v", err)
	}
	c.now = c.now.Add(time.Hour + time.Second)
	if _, err := k.FinishTOTP(ada(), ceremony, code()); !errors.Is(err, factor.ErrWrong) {
		t.Errorf("too late: %v", err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	codes, hashes := factor.NewRecoveryCodes("ada")
	seen := map[string]bool{}
	for i, code := range codes {
		seen[code] = true
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(strings.ReplaceAll(code, "0", "o"), "1", "l")} {
			if use, err := factor.CheckRecoveryCode("ada", typed); err != nil || use.Hash != hashes[i] {
				t.Errorf("%q is not %q: %v", typed, code, err)
			}
		}
		if use, err := factor.CheckRecoveryCode("bo", code); err != nil || use.Hash == hashes[i] {
			t.Errorf("the code is somebody else's too: %v", err)
		}
	}
	if len(seen) != 10 || len(hashes) != 10 {
		t.Errorf("%d codes, %d hashes", len(seen), len(hashes))
	}
	for _, typed := range []string{"", "1234", codes[0] + "0"} {
		if _, err := factor.CheckRecoveryCode("ada", typed); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// The first factor brings recovery codes, the last one takes them along; each change
// is recorded, and the owner told.
func TestChangesOfFactors(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t)
	app, key := &storage.TOTP{UserID: "ada"}, storage.Passkey{ID: []byte("key"), UserID: "ada"}
	for name, c := range map[string]struct {
		has   storage.Factors
		act   func(*storage.Write, factor.Owner) ([]string, error)
		event string
		codes int // shown
		left  int // stored: -1 unchanged
	}{
		"first app": {
			act: func(w *storage.Write, o factor.Owner) ([]string, error) { return k.AddTOTP(w, o, app), nil }, event: "totp_added", codes: 10, left: 10,
		},
		"app beside a passkey": {
			has: storage.Factors{Passkeys: []storage.Passkey{key}, RecoveryCodes: 3},
			act: func(w *storage.Write, o factor.Owner) ([]string, error) { return k.AddTOTP(w, o, app), nil }, event: "totp_added", left: -1,
		},
		"first passkey": {
			act: func(w *storage.Write, o factor.Owner) ([]string, error) {
				return k.AddPasskey(w, o, &key, &storage.Assertion{}), nil
			}, event: "passkey_added", codes: 10, left: 10,
		},
		"new codes": {
			has: storage.Factors{TOTP: app, RecoveryCodes: 1},
			act: func(w *storage.Write, o factor.Owner) ([]string, error) { return k.NewCodes(w, o), nil }, event: "recovery_codes_made", codes: 10, left: 10,
		},
		"last app gone": {
			has: storage.Factors{TOTP: app, RecoveryCodes: 5},
			act: func(w *storage.Write, o factor.Owner) ([]string, error) { return nil, k.RemoveTOTP(w, o) }, event: "totp_removed",
		},
		"passkey gone": {
			has: storage.Factors{TOTP: app, Passkeys: []storage.Passkey{key}, RecoveryCodes: 5},
			act: func(w *storage.Write, o factor.Owner) ([]string, error) { return nil, k.RemovePasskey(w, o, key.ID) }, event: "passkey_removed", left: -1,
		},
	} {
		w := storage.Write{}
		codes, err := c.act(&w, factor.Owner{User: ada(), Factors: c.has})
		if err != nil || len(codes) != c.codes {
			t.Errorf("%s: %d codes, %v", name, len(codes), err)
		}
		if len(w.Activity) != 1 || w.Activity[0].Event != c.event || w.Activity[0].UserID != "ada" || len(w.Mails) != 1 {
			t.Errorf("%s: %v, %d mails", name, w.Activity, len(w.Mails))
		}
		if stored := w.Change.RecoveryCodes; (stored == nil) != (c.left < 0) || c.left >= 0 && len(stored) != c.left {
			t.Errorf("%s: %v recovery codes are stored", name, stored)
		}
	}
}

func TestLastFactorStaysWherePolicyDemandsOne(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t, func(c *factor.Config) { c.Required = true })
	key := storage.Passkey{ID: []byte("key"), UserID: "ada"}
	o := factor.Owner{User: ada(), Factors: storage.Factors{TOTP: &storage.TOTP{}}}
	if err := k.RemoveTOTP(&storage.Write{}, o); !errors.Is(err, factor.ErrLast) {
		t.Errorf("the app: %v", err)
	}
	o.Factors = storage.Factors{Passkeys: []storage.Passkey{key}}
	if err := k.RemovePasskey(&storage.Write{}, o, key.ID); !errors.Is(err, factor.ErrLast) {
		t.Errorf("the passkey: %v", err)
	}
	o.Factors.TOTP = &storage.TOTP{}
	if err := k.RemoveTOTP(&storage.Write{}, o); err != nil {
		t.Errorf("one of two: %v", err)
	}
}

func TestPasskeysOfOthersAreNotFound(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t)
	o := factor.Owner{User: ada(), Factors: storage.Factors{Passkeys: []storage.Passkey{{ID: []byte("key")}}}}
	if err := k.RemovePasskey(&storage.Write{}, o, []byte("another")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if err := k.RenamePasskey(&storage.Write{}, o, []byte("another"), "Mine"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("renamed: %v", err)
	}
	for _, name := range []string{"", " ", "a\u202eb", strings.Repeat("a", 61), "a\x00"} {
		if err := k.RenamePasskey(&storage.Write{}, o, []byte("key"), name); !errors.Is(err, factor.ErrWrong) {
			t.Errorf("called %q: %v", name, err)
		}
	}
	w := storage.Write{}
	if err := k.RenamePasskey(&w, o, []byte("key"), "  My   phone "); err != nil || w.Change.RenamePasskey.Name != "My phone" {
		t.Errorf("got %v, %v", w.Change, err)
	}
}
