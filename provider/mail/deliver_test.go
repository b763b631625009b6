package mail_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/outbox"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// reset is a mail that somebody waits for.
func reset(p *providertest.Provider, to string) mail.Message {
	now := p.Clock.Now()
	return mail.Message{
		Kind: mail.ResetPassword, To: to, Name: "Ada", Link: p.URL + "/link?token=t0ken",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Network: "192.0.2.7",
		At: now, ExpiresAt: now.Add(time.Hour),
	}
}

// leave leaves messages in the outbox.
func leave(t *testing.T, p *providertest.Provider, messages ...mail.Message) {
	t.Helper()
	w := storage.Write{Key: rand.Text(), Now: p.Clock.Now()}
	for _, m := range messages {
		w.Mails = append(w.Mails, mail.NewSealer(p.Secrets).Seal(m))
	}
	if err := p.Store.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

// waiting is how many mails are left. They are due now.
func waiting(t *testing.T, p *providertest.Provider) int {
	t.Helper()
	now := p.Clock.Now()
	mails, _, err := p.Store.TakeMails(t.Context(), now.Add(time.Hour-time.Second), now, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(mails)
}

func TestMailIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		leave(t, p, reset(p, "ada@example.com"), reset(p, "bo@example.com"))
		p.Clock.Advance(time.Minute)
		m := p.Mail(t, "ada@example.com")
		if m.From != providertest.MailFrom || !strings.Contains(m.Text, "Firefox on Linux") ||
			!slices.Equal(m.Links, []string{p.URL + "/link?token=t0ken"}) {
			t.Errorf("the mail is %+v", m)
		}
		if got := providertest.Link(t, m); got != "/link?token=t0ken" {
			t.Errorf("it leads to %s", got)
		}
		if n := len(p.AllMail(t, "")); n != 2 || waiting(t, p) != 0 {
			t.Errorf("%d mails were delivered, %d are left", n, waiting(t, p))
		}
	})
}

// Every kind of message has words.
func TestEveryKindIsALetter(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	kinds := []mail.Kind{
		mail.ConfirmSignUp, mail.AlreadySignedUp, mail.SignInLink, mail.ResetPassword, mail.VerifyEmail,
		mail.EmailChanged, mail.PasswordChanged, mail.NewDevice, mail.FactorAdded, mail.FactorRemoved,
		mail.DeletionPlanned,
	}
	for _, kind := range kinds {
		m := reset(p, string(kind)+"@example.com")
		m.Kind, m.Factor, m.Due = kind, "totp", m.At.Add(14*24*time.Hour)
		leave(t, p, m)
	}
	for _, kind := range kinds {
		if p.Mail(t, string(kind)+"@example.com").Text == "" {
			t.Errorf("%s says nothing", kind)
		}
	}
}

// sender fails as it is told to.
type sender struct {
	fails error
	calls int
}

func (s *sender) Send(context.Context, mail.Envelope) error {
	s.calls++
	return s.fails
}

// deliverer is that of another process on the same database.
func deliverer(t *testing.T, p *providertest.Provider, s mail.Sender, log *bytes.Buffer) *mail.Deliverer {
	t.Helper()
	return mail.NewDeliverer(mail.Config{
		Outbox: p.Store, Sealer: mail.NewSealer(p.Secrets), Pages: p.Mails.Pages, Sender: s,
		Log: providertest.Logger(log), Now: p.Clock.Now,
	})
}

// A mail that is not taken is tried again, later and later, until it is of no use.
func TestMailIsTriedUntilItExpires(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		down := &sender{fails: errors.New("try again later")}
		var log bytes.Buffer
		d := deliverer(t, p, down, &log)
		leave(t, p, reset(p, "ada@example.com"))
		d.Deliver(t.Context())
		for i, wait := range []time.Duration{
			10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 10 * time.Minute,
		} {
			p.Clock.Advance(wait - time.Second)
			if d.Deliver(t.Context()); down.calls != i+1 {
				t.Fatalf("%d attempts before the wait %d is over", down.calls, i)
			}
			p.Clock.Advance(time.Second)
			if d.Deliver(t.Context()); down.calls != i+2 {
				t.Fatalf("%d attempts after the wait %d", down.calls, i)
			}
		}
		p.Clock.Advance(time.Hour)
		if d.Deliver(t.Context()); down.calls != 8 || waiting(t, p) != 0 {
			t.Errorf("%d attempts, %d mails are left after the link is over", down.calls, waiting(t, p))
		}
	})
}

// A mail server that is down is asked once and not for every mail that waits, and
// when it is back all of them go.
func TestMailServerThatIsDownIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	down := &sender{fails: fmt.Errorf("%w: nobody is there", mail.ErrUnreachable)}
	d := deliverer(t, p, down, new(bytes.Buffer))
	leave(t, p, reset(p, "first@example.com"))
	d.Deliver(t.Context())
	for range 20 {
		leave(t, p, reset(p, "ada@example.com"))
	}
	if d.Deliver(t.Context()); down.calls != 1 {
		t.Errorf("%d attempts, want 1", down.calls)
	}
	p.Clock.Advance(10 * time.Second)
	if n := len(p.AllMail(t, "")); n != 21 {
		t.Errorf("%d mails have arrived, want 21", n)
	}
}

// What the server will never take is dropped, with one line in the log that names
// nobody and gives nothing away.
func TestRefusedMailIsDropped(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		refuses := &sender{fails: outbox.RefusalError{Err: errors.New("refused with status 550")}}
		var log bytes.Buffer
		d := deliverer(t, p, refuses, &log)
		leave(t, p, reset(p, "ada@example.com"))
		d.Deliver(t.Context())
		if refuses.calls != 1 || waiting(t, p) != 0 {
			t.Errorf("%d attempts, %d mails are left", refuses.calls, waiting(t, p))
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), `"domain":"example.com"`) {
			t.Errorf("the log has %d lines: %s", n, &log)
		}
		for _, secret := range []string{"ada", "t0ken", "192.0.2.7"} {
			if strings.Contains(strings.ToLower(log.String()), secret) {
				t.Errorf("%s is in the log: %s", secret, &log)
			}
		}
	})
}

// A mail that was left under a secret that we do not know waits for who does.
func TestMailOfAnotherSecretIsKept(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	other := providertest.Secrets(t, "another master secret, of 32 bytes or more")
	sealed := mail.NewSealer(other).Seal(reset(p, "ada@example.com"))
	if err := p.Store.Apply(t.Context(), storage.Write{
		Key: rand.Text(), Now: p.Clock.Now(), Mails: []storage.Mail{sealed},
	}); err != nil {
		t.Fatal(err)
	}
	p.Mails.Deliver(t.Context())
	if waiting(t, p) != 1 {
		t.Error("it is gone")
	}
}

// Nothing in the database tells who gets which mail, nor is a link in it usable.
func TestMailIsSealedInTheOutbox(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	m := reset(p, "ada@example.com")
	sealed := mail.NewSealer(p.Secrets).Seal(m)
	for _, secret := range []string{m.To, m.Link, m.Name} {
		if bytes.Contains(sealed.Sealed, []byte(secret)) {
			t.Errorf("%s can be read", secret)
		}
	}
	swapped := sealed
	swapped.ID = rand.Text()
	if _, err := mail.NewSealer(p.Secrets).Open(swapped); err == nil {
		t.Error("a message opens under another's id")
	}
}

// Browsers and systems are named as people know them, and nothing that somebody
// has made up.
func TestDevicesAreNamedAsPeopleKnowThem(t *testing.T) {
	t.Parallel()
	for userAgent, want := range map[string][2]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                                      {"Chrome", "Linux"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                     {"Firefox", "Linux"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":              {"Edge", "Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      {"Safari", "macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":    {"Safari", "iOS"},
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36":                            {"Chrome", "Android"},
		"Mozilla/5.0 (Linux; Android 15; SM-S938B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": {"Samsung Browser", "Android"},
		"curl/8.5.0":          {},
		"":                    {},
		"visit evil.example!": {},
		"EvilExampleCom/1.0 (Your account is locked, call +1 555 0100)": {},
	} {
		if d := mail.Device(userAgent); d.Browser != want[0] || d.System != want[1] {
			t.Errorf("%q is %q on %q, want %q on %q", userAgent, d.Browser, d.System, want[0], want[1])
		}
	}
}
