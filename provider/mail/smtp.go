package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/gatelodge/gatelodge/internal/outbox"
)

// timeout is for each half of a delivery: until the server lets us in, and from the
// message to its answer.
const timeout = 20 * time.Second

// SMTP sends messages through a mail server, [RFC 5321]. It is safe for concurrent
// use.
//
// [RFC 5321]: https://www.rfc-editor.org/rfc/rfc5321
type SMTP struct {
	client *gomail.Client
	from   *mail.Address
	host   string // ours
}

// NewSMTP returns a sender for the server at smtp:// or smtps://, as the settings have
// it. The server must speak TLS, from the first byte or by STARTTLS, and show a
// certificate that the roots vouch for, nil for the system's: but for one on this very
// machine, where there is nobody in between.
func NewSMTP(server, from, issuer string, roots *x509.CertPool) (*SMTP, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, errors.New("parse the mail server's address") // the error would show the password
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("parse the address that mails are from: %w", err)
	}
	here, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the issuer: %w", err)
	}
	client, err := gomail.NewClient(u.Hostname(), options(u, here.Hostname(), roots)...)
	if err != nil {
		return nil, fmt.Errorf("set up the mail server: %w", err)
	}
	return &SMTP{client: client, from: sender, host: here.Hostname()}, nil
}

func options(u *url.URL, host string, roots *x509.CertPool) []gomail.Option {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), RootCAs: roots}
	options := []gomail.Option{
		gomail.WithTimeout(timeout), gomail.WithTLSConfig(settings), gomail.WithHELO(greeting(host)),
	}
	here := isLoopback(u.Hostname())
	port := gomail.DefaultPortTLS
	switch {
	case u.Scheme == "smtps":
		port = gomail.DefaultPortSSL
		options = append(options, gomail.WithSSL())
	case here:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if p, err := strconv.Atoi(u.Port()); err == nil {
		port = p
	}
	options = append(options, gomail.WithPort(port))
	if password, ok := u.User.Password(); ok {
		how := gomail.SMTPAuthAutoDiscover
		if here && u.Scheme == "smtp" {
			how = gomail.SMTPAuthPlainNoEnc
		}
		options = append(options, gomail.WithSMTPAuth(how),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	return options
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// greeting is how we name ourselves, [RFC 5321 §4.1.3].
//
// [RFC 5321 §4.1.3]: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3
func greeting(host string) string {
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		return host
	case ip.Is6():
		return "[IPv6:" + host + "]"
	default:
		return "[" + host + "]"
	}
}

// Send implements [Sender].
func (s *SMTP) Send(ctx context.Context, e Envelope) error {
	m, err := s.message(e)
	if err != nil {
		return err
	}
	err = s.client.DialAndSendWithContext(ctx, m)
	if err == nil || m.IsDelivered() {
		return nil // what fails after that is the farewell
	}
	return judge(err)
}

// message lays the envelope out, [RFC 5322]. Its id stays the same, so that a message
// that comes twice can be told to be one.
//
// [RFC 5322]: https://www.rfc-editor.org/rfc/rfc5322
func (s *SMTP) message(e Envelope) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.from)
	if err := m.To(recipient(e.To)); err != nil {
		return nil, outbox.RefusalError{Err: errors.New("the recipient is no address")} // err shows it
	}
	m.SetMessageIDWithValue(e.ID + "@" + s.host)
	m.SetDateWithValue(e.At)
	m.Subject(e.Subject)
	m.SetGenHeader("Content-Language", e.Lang)
	// RFC 3834 §5: programs that answer mails are not to answer this one.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, e.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, e.HTML)
	return m, nil
}

// recipient is the address as every mail server takes it, its domain in ASCII.
func recipient(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return address
	}
	return address[:at+1] + domain
}

// judge says what a failure means. What the server says is left out, since it repeats
// addresses; its code is enough, [RFC 5321 §4.2.1].
//
// [RFC 5321 §4.2.1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
func judge(err error) error {
	failure, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return fmt.Errorf("%w: %w", ErrUnreachable, err) // before anybody was named
	}
	code := failure.ErrorCode()
	refusal := fmt.Errorf("%s: answered with status %d", failure.Reason, code)
	const unavailable = 421
	switch {
	case code == 0:
		return fmt.Errorf("%w: %s: the connection ended", ErrUnreachable, failure.Reason)
	case code == unavailable, failure.Reason == gomail.ErrSMTPMailFrom:
		return fmt.Errorf("%w: %w", ErrUnreachable, refusal) // whoever the mail is for
	case code >= 500:
		return outbox.RefusalError{Err: refusal}
	default:
		return refusal
	}
}
