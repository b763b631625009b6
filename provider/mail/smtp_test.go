package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/outbox"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/internal/smtptest"
	"github.com/gatelodge/gatelodge/provider/mail"
)

const from = `"Gatelodge, Zürich" <login@id.example>`

// certificate is that of example.com and 127.0.0.1, and who vouches for it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, roots
}

func newSMTP(t *testing.T, url string, roots *x509.CertPool) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSMTP(url, from, "https://id.example:8443", roots)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is a sender to a server on this machine.
func plain(t *testing.T, s *smtptest.Server) *mail.SMTP {
	t.Helper()
	return newSMTP(t, "smtp://"+s.Addr, nil)
}

func envelope() mail.Envelope {
	return mail.Envelope{
		ID: "ID1", To: "ada@example.com", At: time.Date(2026, 11, 24, 16, 30, 0, 0, time.UTC),
		Letter: consentui.Letter{
			Lang: "de", Subject: "Grüße aus Zürich",
			Text: "Hallo,\n\n.\nein Punkt\n" + strings.Repeat("Ä", 200), HTML: "<p>Hallo</p>\n",
		},
	}
}

// RFC 5322, RFC 2046 §5.1.4 and RFC 3834 §5: a mail as programs read it, by TLS and
// after we have said who we are.
func TestMailArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	settings, roots := certificate(t)
	for name, implicit := range map[string]bool{"smtps": true, "STARTTLS": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := smtptest.New(t, smtptest.Options{
				TLS: settings, Implicit: implicit, User: "login@mail", Password: "p@ss:word",
			})
			s := newSMTP(t, "smtps://login%40mail:p%40ss%3Aword@"+server.Addr, roots)
			if !implicit {
				s = newSMTP(t, "smtp://login%40mail:p%40ss%3Aword@example.com", roots)
				mail.DialAt(s, server.Addr)
			}
			e := envelope()
			if err := s.Send(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			got := server.Messages()
			if len(got) != 1 || got[0].From != "login@id.example" || got[0].To != e.To || !got[0].Secure {
				t.Fatalf("the server has %+v", got)
			}
			letter := got[0].Letter(t)
			if letter.Subject != e.Subject || letter.Text != e.Text || letter.HTML != e.HTML {
				t.Errorf("the letter is %+v", letter)
			}
			if !slices.Equal(letter.Types, []string{"text/plain", "text/html"}) {
				t.Errorf("its parts are %v: the last is the one that is shown", letter.Types)
			}
			for header, want := range map[string]string{
				"Auto-Submitted": "auto-generated", "Message-Id": "<ID1@id.example>", "To": "<ada@example.com>",
				"Content-Language": "de", "Mime-Version": "1.0", "Date": "Tue, 24 Nov 2026 16:30:00 +0000",
			} {
				if got := letter.Header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			if list, err := letter.Header.AddressList("From"); err != nil || list[0].Name != "Gatelodge, Zürich" {
				t.Errorf("From is %v: %v", list, err)
			}
		})
	}
}

// Nothing leaves without TLS, or to a server that is not who it should be: neither a
// mail nor a password.
func TestNothingLeavesInTheClear(t *testing.T) {
	t.Parallel()
	settings, _ := certificate(t)
	for name, o := range map[string]smtptest.Options{
		"no STARTTLS":         {},
		"unknown certificate": {TLS: settings},
		"refused STARTTLS": {TLS: settings, Reply: func(command, _ string) string {
			if command == "STARTTLS" {
				return "454 4.7.0 not now"
			}
			return ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var commands []string
			next := o.Reply
			o.Reply = func(command, argument string) string {
				mu.Lock()
				defer mu.Unlock()
				commands = append(commands, command)
				if next != nil {
					return next(command, argument)
				}
				return ""
			}
			o.User, o.Password = "u", "hunter2"
			server := smtptest.New(t, o)
			s := newSMTP(t, "smtp://u:hunter2@example.com", nil)
			mail.DialAt(s, server.Addr)
			if err := s.Send(t.Context(), envelope()); !errors.Is(err, mail.ErrUnreachable) {
				t.Errorf("sent: %v", err)
			}
			server.Close()
			for _, command := range commands {
				if slices.Contains([]string{"AUTH", "MAIL", "RCPT", "DATA"}, command) {
					t.Errorf("the server was told %v", commands)
				}
			}
		})
	}
}

// Which failures end the matter, RFC 5321 §4.2.1, which concern one mail, and which
// the server as a whole.
func TestWhatFailuresMean(t *testing.T) {
	t.Parallel()
	type meaning string
	const (
		sent        meaning = "sent"
		refused     meaning = "never to be delivered"
		later       meaning = "later"
		unreachable meaning = "not at the moment, whatever the mail"
	)
	for _, c := range []struct {
		command, reply string
		want           meaning
	}{
		{"", "", sent},
		{"GREETING", "421 4.3.2 closing", unreachable},
		{"GREETING", "554 5.7.1 your network is not welcome", unreachable},
		{"GREETING", smtptest.Cut, unreachable},
		{"EHLO", smtptest.Cut, unreachable},
		{"MAIL", "451 4.3.0 not now", unreachable},
		{"MAIL", "550 5.7.1 you may not send as that", unreachable},
		{"RCPT", "450 4.2.0 ada@example.com is greylisted", later},
		{"RCPT", "421 4.3.2 closing", unreachable},
		{"RCPT", "550 5.1.1 there is no ada@example.com", refused},
		{"RCPT", smtptest.Cut, unreachable},
		{"DATA", "451 4.3.0 not now", later},
		{"DATA", "554 5.5.1 no", refused},
		{"DATA", smtptest.Cut, unreachable},
		{"END", "452 4.2.2 the mailbox of ada@example.com is full", later},
		{"END", "552 5.2.3 too long for ada@example.com", refused},
		{"END", "421 4.3.2 closing", unreachable},
		{"END", smtptest.Cut, unreachable},
		{"RSET", "451 4.3.0 not now", sent},
		{"RSET", smtptest.Cut, sent},
		{"QUIT", smtptest.Cut, sent},
	} {
		t.Run(c.command+" "+c.reply, func(t *testing.T) {
			t.Parallel()
			server := smtptest.New(t, smtptest.Options{Reply: func(command, _ string) string {
				if command == c.command {
					return c.reply
				}
				return ""
			}})
			err := plain(t, server).Send(t.Context(), envelope())
			got := later
			_, final := errors.AsType[outbox.RefusalError](err)
			switch {
			case err == nil:
				got = sent
			case final:
				got = refused
			case errors.Is(err, mail.ErrUnreachable):
				got = unreachable
			}
			if got != c.want {
				t.Errorf("it means %q, want %q: %v", got, c.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "ada") {
				t.Errorf("the error names who it is for: %v", err)
			}
		})
	}
}

func TestWrongPasswordIsNoRefusalOfTheMail(t *testing.T) {
	t.Parallel()
	settings, roots := certificate(t)
	server := smtptest.New(t, smtptest.Options{TLS: settings, Implicit: true, User: "u", Password: "right"})
	err := newSMTP(t, "smtps://u:hunter2@"+server.Addr, roots).Send(t.Context(), envelope())
	if !errors.Is(err, mail.ErrUnreachable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it means %v", err)
	}
}

// What others choose ends no line of a mail's head, nor of the conversation.
func TestNoHeaderCanBeSlippedIn(t *testing.T) {
	t.Parallel()
	server := smtptest.New(t, smtptest.Options{})
	s := plain(t, server)
	e := envelope()
	e.Subject = "Hello\r\nBcc: eve@evil.example\r\n\r\nBody"
	if err := s.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{
		"ada@example.com\r\nBcc: eve@evil.example", "ada@example.com>\r\nRCPT TO:<eve@evil.example", "", "ada",
		"ada@example.com, eve@evil.example", "ada@example.com\r\nDATA",
	} {
		e.To = to
		err := s.Send(t.Context(), e)
		if _, final := errors.AsType[outbox.RefusalError](err); !final || strings.Contains(err.Error(), "eve") {
			t.Errorf("to %q: %v", to, err)
		}
	}
	messages := server.Messages()
	if len(messages) != 1 || messages[0].Letter(t).Header.Get("Bcc") != "" || messages[0].Letter(t).Text != e.Text {
		t.Errorf("the server has %+v", messages)
	}
}

// RFC 5891: mail servers that know ASCII alone take a domain that is not.
func TestRecipientsDomainIsInASCII(t *testing.T) {
	t.Parallel()
	server := smtptest.New(t, smtptest.Options{})
	e := envelope()
	e.To = "ada@bücher.example"
	if err := plain(t, server).Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if to := server.Messages()[0].To; to != "ada@xn--bcher-kva.example" {
		t.Errorf("sent to %s", to)
	}
}

// A mail comes once if all goes well, and twice rather than never if the answer of the
// server is lost. Mail programs can tell that it is the same.
func TestMailComesTwiceRatherThanNever(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		var mu sync.Mutex
		ends := 0
		server := smtptest.New(t, smtptest.Options{Reply: func(command, _ string) string {
			mu.Lock()
			defer mu.Unlock()
			if command == "END" {
				if ends++; ends == 1 {
					return smtptest.Cut
				}
			}
			return ""
		}})
		d := deliverer(t, p, plain(t, server), new(bytes.Buffer))
		leave(t, p, reset(p, "ada@example.com"))
		d.Deliver(t.Context())
		p.Clock.Advance(time.Minute)
		d.Deliver(t.Context())
		p.Clock.Advance(time.Minute)
		d.Deliver(t.Context())
		got := server.Messages()
		if len(got) != 2 || waiting(t, p) != 0 {
			t.Fatalf("%d mails came, %d are left", len(got), waiting(t, p))
		}
		first, second := got[0].Letter(t).Header.Get("Message-Id"), got[1].Letter(t).Header.Get("Message-Id")
		if first != second || first == "" {
			t.Errorf("the same mail is %s and %s", first, second)
		}
	})
}

// A mail server that is down loses nothing: the mails arrive when it is back.
func TestMailServerThatIsDownLosesNothing(t *testing.T) {
	t.Parallel()
	providertest.OnEachDatabase(t, providertest.Options{}, func(t *testing.T, p *providertest.Provider) {
		t.Helper()
		gone := smtptest.New(t, smtptest.Options{})
		gone.Close()
		s := plain(t, gone)
		d := deliverer(t, p, s, new(bytes.Buffer))
		for range 40 {
			leave(t, p, reset(p, "ada@example.com"))
		}
		d.Deliver(t.Context())
		if n := waiting(t, p); n != 40 {
			t.Fatalf("%d mails are left, want 40", n)
		}
		back := smtptest.New(t, smtptest.Options{})
		mail.DialAt(s, back.Addr)
		p.Clock.Advance(time.Minute)
		d.Deliver(t.Context())
		if n := len(back.Messages()); n != 40 || waiting(t, p) != 0 {
			t.Errorf("%d mails came, %d are left", n, waiting(t, p))
		}
	})
}

// Nobody waits for the mail server: neither who leaves a mail nor the process when it
// stops for longer than what is under way.
func TestSlowMailServerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	server := smtptest.New(t, smtptest.Options{Reply: func(command, _ string) string {
		if command == "END" {
			arrived <- struct{}{}
			<-release
		}
		return ""
	}})
	d := deliverer(t, p, plain(t, server), new(bytes.Buffer))
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	leave(t, p, reset(p, "ada@example.com"))
	d.Kick()
	<-arrived
	leave(t, p, reset(p, "bo@example.com")) // returns although the first is under way
	stop()
	close(release)
	running.Wait()
	if got := server.Messages(); len(got) != 1 || got[0].To != "ada@example.com" {
		t.Errorf("the server has %d mails", len(got))
	}
	if n := waiting(t, p); n != 1 {
		t.Errorf("%d mails are left for another process, want 1", n)
	}
}

// A server that says nothing is given up, and the mail is kept.
func TestSilentMailServerIsGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := newSMTP(t, "smtp://"+l.Addr().String(), nil)
	mail.HurryUp(s)
	if err := s.Send(t.Context(), envelope()); !errors.Is(err, mail.ErrUnreachable) {
		t.Errorf("it means %v", err)
	}
}
