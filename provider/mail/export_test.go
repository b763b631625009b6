package mail

import (
	"context"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// DialAt has the sender find the mail server at the address, whatever its name.
func DialAt(s *SMTP, addr string) {
	_ = gomail.WithDialContextFunc(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	})(s.client) // fails without a function only
}

// HurryUp has the sender wait for a moment only.
func HurryUp(s *SMTP) { _ = gomail.WithTimeout(50 * time.Millisecond)(s.client) }
