package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// recorder notes what storage is asked.
type recorder struct {
	LinkStore
	asked []string
}

func (r *recorder) note(format string, args ...any) {
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
}

// Apply implements [LinkStore].
func (r *recorder) Apply(ctx context.Context, w storage.Write) error {
	r.note("apply %d links, %d mails", len(w.Links), len(w.Mails))
	return r.LinkStore.Apply(ctx, w)
}

// Count implements [LinkStore].
func (r *recorder) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error) {
	r.note("count")
	return r.LinkStore.Count(ctx, key, window, now)
}

// FindUser implements [LinkStore].
func (r *recorder) FindUser(ctx context.Context, id string) (storage.User, error) {
	r.note("find user")
	return r.LinkStore.FindUser(ctx, id)
}

// FindUserByIdentifier implements [LinkStore].
func (r *recorder) FindUserByIdentifier(ctx context.Context, identifier string) (storage.User, error) {
	r.note("find user by identifier")
	return r.LinkStore.FindUserByIdentifier(ctx, identifier)
}

// CountLinkAttempt implements [LinkStore].
func (r *recorder) CountLinkAttempt(ctx context.Context, id string, now time.Time) (storage.Link, *storage.User, error) {
	r.note("count link attempt")
	return r.LinkStore.CountLinkAttempt(ctx, id, now)
}

// mailing is links on a real database in which some people are.
type mailing struct {
	*Links
	*recorder
	*bench
}

func newMailing(t *testing.T) *mailing {
	t.Helper()
	b := newBench(t)
	secrets, err := secret.New(strings.Repeat("s", secret.MinLength))
	if err != nil {
		t.Fatal(err)
	}
	m := &mailing{bench: b, recorder: &recorder{LinkStore: b.db}}
	m.Links = &Links{
		Issuer: "https://id.example", Store: m.recorder, Hasher: b.Hasher, Limits: DefaultLimits(), Now: b.Now,
		Data: secrets.For("links"), Codes: secrets.For("codes"), Mails: mail.NewSealer(secrets),
	}
	for _, u := range []storage.User{
		{ID: "eve", Identifiers: []string{"eve", "eve@example.com"}, PasswordHash: "", Claims: storage.Claims{Email: "Eve@example.com"}},
		{ID: "off", Identifiers: []string{"off@example.com"}, Claims: storage.Claims{Email: "off@example.com"}, DisabledAt: start},
		{ID: "nomail", Identifiers: []string{"nomail"}},
		{ID: "unproved", Identifiers: []string{"unproved"}, Claims: storage.Claims{Email: "somebody.else@example.com"}},
	} {
		u.CreatedAt, u.UpdatedAt = start, start
		if err := b.db.SaveUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// sent takes what is due out of the outbox.
func (m *mailing) sent(t *testing.T) []mail.Message {
	t.Helper()
	due, _, err := m.db.TakeMails(t.Context(), m.now, m.now.Add(time.Minute), 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []mail.Message
	for _, d := range due {
		message, err := m.Mails.Open(d)
		if err := errors.Join(err, m.db.DeleteMail(t.Context(), d.ID)); err != nil {
			t.Fatal(err)
		}
		all = append(all, message)
	}
	return all
}

// send sends, and returns the id of the link and what storage was asked for it.
func (m *mailing) send(t *testing.T, d Draft) (id string, asked []string) {
	t.Helper()
	m.asked = nil
	id, err := m.Send(t.Context(), d, Asked{From: Origin{Network: "192.0.2.1/32"}, Languages: []string{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	return id, m.asked
}

// Nobody can tell by the work, nor by what follows, whether an address is somebody's,
// and only who may be mailed is.
func TestEveryAddressCostsTheSame(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	for _, test := range []struct {
		purpose Purpose
		entered string
		to      string // "" if nothing is mailed
		kind    mail.Kind
	}{
		{ToReset, "EVE", "Eve@example.com", mail.ResetPassword},
		{ToReset, "nobody@example.com", "", ""},
		{ToReset, "off@example.com", "", ""},
		{ToReset, "nomail", "", ""},
		{ToReset, "unproved", "", ""},
		{ToReset, strings.Repeat("x", 250), "", ""},
		{ToSignIn, "eve@example.com", "Eve@example.com", mail.SignInLink},
		{ToSignIn, "nobody@example.com", "", ""},
		{ToSignIn, "off@example.com", "", ""},
		{ToSignUp, "new@example.com", "new@example.com", mail.ConfirmSignUp},
		{ToSignUp, "EVE@example.com", "Eve@example.com", mail.AlreadySignedUp},
		{ToSignUp, "off@example.com", "", ""},
		{ToChangeEmail, "new2@example.com", "new2@example.com", mail.VerifyEmail},
		{ToChangeEmail, "eve@example.com", "Eve@example.com", mail.AlreadySignedUp},
		{ToChangeEmail, "off@example.com", "", ""},
	} {
		d := Draft{Purpose: test.purpose, Entered: test.entered}
		if test.purpose == ToChangeEmail {
			d.UserID = "ada"
		}
		id, asked := m.send(t, d)
		if want := []string{"find user by identifier", "count", "apply 1 links, 1 mails"}; !slices.Equal(asked, want) {
			t.Errorf("%s for %q asks %q, want %q", test.purpose, test.entered, asked, want)
		}
		sent := m.sent(t)
		if test.to == "" && len(sent) > 0 {
			t.Errorf("%s for %q sends %+v", test.purpose, test.entered, sent)
		}
		if test.to != "" && (len(sent) != 1 || sent[0].To != test.to || sent[0].Kind != test.kind) {
			t.Errorf("%s for %q sends %+v, want %s to %s", test.purpose, test.entered, sent, test.kind, test.to)
		}
		for try := range 7 {
			want := ErrCode
			if try >= codeAttempts {
				want = ErrLink
			}
			if _, err := m.Type(t.Context(), id, "AAAA-AAAA"); !errors.Is(err, want) {
				t.Errorf("%s for %q: code %d: %v, want %v", test.purpose, test.entered, try+1, err, want)
			}
		}
	}
}

// Whoever signs up costs the hash before anybody looks whose the address is.
func TestSignUpIsHashedBeforeTheAddressIsLookedUp(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	for _, email := range []string{"new@example.com", "eve@example.com", "off@example.com"} {
		m.asked = nil
		d, err := m.BeginSignUp(t.Context(), SignUp{Name: "Kim", Email: email, Password: right}, Origin{})
		if err != nil || CheckHash(d.PasswordHash) != nil || !slices.Equal(m.asked, []string{"count"}) {
			t.Errorf("%s: %v, %q", email, err, m.asked)
		}
	}
}

// An address gets so many mails of a kind in an hour, and nobody is told that it gets
// no more.
func TestMailsToAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	for _, d := range []Draft{
		{Purpose: ToReset, Entered: "eve"},
		{Purpose: ToSignIn, Entered: "eve"},
		{Purpose: ToSignUp, Entered: "new@example.com"},
		{Purpose: ToSignUp, Entered: "eve@example.com"},
		{Purpose: ToVerifyEmail, UserID: "eve", Entered: "Eve@example.com"},
	} {
		_, first := m.send(t, d)
		for range 9 {
			if _, asked := m.send(t, d); !slices.Equal(asked, first) {
				t.Errorf("%+v: asks %q, at first %q", d, asked, first)
			}
		}
		if n := len(m.sent(t)); n != mailsPerAddress {
			t.Errorf("%+v: %d mails", d, n)
		}
	}
	m.now = m.now.Add(mailWindow)
	// By whichever name they are called, they are one person.
	for _, entered := range []string{"eve", "EVE@example.com", "eve@EXAMPLE.com", " eve", "eve"} {
		m.send(t, Draft{Purpose: ToReset, Entered: entered})
	}
	if n := len(m.sent(t)); n != mailsPerAddress {
		t.Errorf("%d mails to one person", n)
	}
}

// A network asks for so many mails of a kind in an hour, before any work is done.
func TestMailsForANetworkAreLimited(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	here, there := Origin{Network: "192.0.2.1/32"}, Origin{Network: "192.0.2.2/32"}
	ask := map[string]func(Origin) error{
		"reset":   func(o Origin) error { _, err := m.Ask(t.Context(), ToReset, "eve", o); return err },
		"sign-in": func(o Origin) error { _, err := m.Ask(t.Context(), ToSignIn, "eve", o); return err },
		"sign-up": func(o Origin) error {
			_, err := m.BeginSignUp(t.Context(), SignUp{Name: "Kim", Email: "kim@example.com", Password: right}, o)
			return err
		},
	}
	for name, ask := range ask {
		for range asksPerNetwork {
			if err := ask(here); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := ask(here); !errors.Is(err, ErrTooMany) {
			t.Errorf("%s: %v, want ErrTooMany", name, err)
		}
		if err := ask(there); err != nil {
			t.Errorf("%s: another network: %v", name, err)
		}
	}
	if _, err := m.Again(t.Context(), Draft{Purpose: ToReset, Entered: "eve"}, Asked{From: here}); !errors.Is(err, ErrTooMany) {
		t.Errorf("the same again: %v, want ErrTooMany", err)
	}
}

// latest is the token of the latest mail.
func (m *mailing) latest(t *testing.T) string {
	t.Helper()
	sent := m.sent(t)
	if len(sent) == 0 {
		t.Fatal("no mail")
	}
	_, token, _ := strings.Cut(sent[len(sent)-1].Link, "token=")
	return token
}

// eve is Eve as she is stored.
func (m *mailing) eve(t *testing.T) storage.User {
	t.Helper()
	u, err := m.db.FindUser(t.Context(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// An address is the person's once they have proved it and not before; the old one is
// told, and signs in no more.
func TestEmailChangesWhenTheNewOneIsProved(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	eve := m.eve(t)
	if _, err := m.ChangeEmail(&eve, "Eve <eve@new.example>"); !errors.Is(err, ErrEmail) {
		t.Errorf("%v, want ErrEmail", err)
	}
	d, err := m.ChangeEmail(&eve, " eve@new.example ")
	if err != nil {
		t.Fatal(err)
	}
	m.send(t, d)
	token := m.latest(t)
	if now := m.eve(t); now.Claims.Email != eve.Claims.Email || !slices.Equal(now.Identifiers, eve.Identifiers) {
		t.Errorf("before it is proved: %+v", now)
	}
	found, err := m.Find(t.Context(), token)
	if err != nil || found.Email != "eve@new.example" {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := m.CompleteEmail(t.Context(), found, Origin{}); err != nil {
		t.Fatal(err)
	}
	now := m.eve(t)
	if want := []string{"eve", "eve@new.example"}; !slices.Equal(slices.Sorted(slices.Values(now.Identifiers)), want) ||
		now.Claims.Email != "eve@new.example" || !now.Claims.EmailVerified {
		t.Errorf("afterwards: %+v", now)
	}
	if sent := m.sent(t); len(sent) != 1 || sent[0].Kind != mail.EmailChanged || sent[0].To != "Eve@example.com" {
		t.Errorf("notices: %+v", sent)
	}
	if err := m.CompleteEmail(t.Context(), found, Origin{}); !errors.Is(err, ErrLink) {
		t.Errorf("once more: %v, want ErrLink", err)
	}
	happened, err := m.db.ListActivity(t.Context(), "eve", m.now.Add(time.Hour), 10)
	if err != nil || len(happened) != 1 || happened[0].Event != string(EmailChanged) {
		t.Errorf("activity: %+v, %v", happened, err)
	}
}

// An address that somebody else has got in the meantime is theirs.
func TestEmailIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	m := newMailing(t)
	eve := m.eve(t)
	d, err := m.ChangeEmail(&eve, "wanted@example.com")
	if err != nil {
		t.Fatal(err)
	}
	m.send(t, d)
	found, err := m.Find(t.Context(), m.latest(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.db.SaveUser(t.Context(), storage.User{ID: "quick", Identifiers: []string{"wanted@example.com"}, CreatedAt: start, UpdatedAt: start}); err != nil {
		t.Fatal(err)
	}
	if err := m.CompleteEmail(t.Context(), found, Origin{}); !errors.Is(err, ErrTaken) {
		t.Errorf("%v, want ErrTaken", err)
	}
	if now := m.eve(t); now.Claims.Email != eve.Claims.Email {
		t.Errorf("it has changed: %+v", now)
	}
}

// A proof that was asked for is worth nothing once the address or the password is
// another one.
func TestProofOfAnAddressEndsWithIt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*storage.User){
		"another password": func(u *storage.User) { u.PasswordHash = "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS" },
		"disabled":         func(u *storage.User) { u.DisabledAt = start },
	} {
		m := newMailing(t)
		eve := m.eve(t)
		m.send(t, m.VerifyEmail(&eve))
		found, err := m.Find(t.Context(), m.latest(t))
		if err != nil {
			t.Fatal(err)
		}
		change(&eve)
		if err := m.db.SaveUser(t.Context(), eve); err != nil {
			t.Fatal(err)
		}
		if err := m.CompleteEmail(t.Context(), found, Origin{}); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v, want ErrLink", name, err)
		}
		if m.eve(t).Claims.EmailVerified {
			t.Errorf("%s: it counts as verified", name)
		}
	}
}

// Codes have no letters that look alike, and are taken as people type them.
func TestCodesAreTypedAsPeopleDo(t *testing.T) {
	t.Parallel()
	for range 200 {
		if code := newCode(); len(code) != 8 || strings.ContainsAny(code, "0O1I") || plainCode(show(code)) != code ||
			plainCode(" "+strings.ToLower(code[:4])+" – "+code[4:]+"\u00a0") != code {
			t.Fatalf("the code is %q", code)
		}
	}
}
