package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// httpClient returns a client that connects to what control lets pass. It knows
// no proxy, follows no redirect, keeps no cookie and no connection, and asks for
// nothing compressed.
func httpClient(
	resolver *net.Resolver, control func(network, address string, _ syscall.RawConn) error, settings *tls.Config,
) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: -1, Resolver: resolver, Control: control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        settings.Clone(),
			TLSHandshakeTimeout:    timeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableKeepAlives:      true,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// PostForm posts a form, such as a logout token, and returns the status of the
// answer, whose body is of no interest. Nothing is kept and nothing tried again.
// It fails with ErrRefused, ErrFailed, ErrBusy or ErrClosed, and as the context
// does.
func (c *Client) PostForm(ctx context.Context, rawURL string, form url.Values) (status int, err error) {
	if strings.Contains(rawURL, "#") { // OpenID Connect Back-Channel Logout §2.2
		return 0, refused("", "the address has a fragment")
	}
	if err := c.policy.checkURL(rawURL); err != nil {
		return 0, err
	}
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.running.Done()
	body := strings.NewReader(form.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, body)
	if err != nil {
		return 0, refused("", "the address cannot be called")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	err = c.call(c.posts, req, func(res *http.Response) error {
		status = res.StatusCode
		_, _ = io.CopyN(io.Discard, res.Body, maxBody)
		return nil
	})
	if ctx.Err() != nil && err != nil {
		return 0, ctx.Err()
	}
	return status, err
}

// answer is a document and what to do with it.
type answer struct {
	document Document
	maxAge   time.Duration
}

// fetch gets the document.
func (c *Client) fetch(ctx context.Context, rawURL string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return answer{}, refused("", "the address cannot be called")
	}
	var a answer
	err = c.call(c.fetches, req, func(res *http.Response) error {
		a, err = read(res)
		return err
	})
	return a, err
}

// read reads an answer, as far as it is one that may be kept.
func read(res *http.Response) (answer, error) {
	failed := func(lasting bool, why string) error {
		return &failure{host: res.Request.URL.Host, why: why, lasting: lasting}
	}
	encoding := res.Header.Get("Content-Encoding")
	switch {
	case res.StatusCode != http.StatusOK:
		// What a server says of itself passes, what it says of the document stays.
		passing := res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests
		return answer{}, failed(!passing, "status "+strconv.Itoa(res.StatusCode))
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return answer{}, failed(true, "the answer is compressed, which was not asked for")
	case res.ContentLength > maxBody:
		return answer{}, failed(true, "the answer is too long")
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return answer{}, err
	case len(body) > maxBody:
		return answer{}, failed(true, "the answer is too long")
	}
	return answer{
		document: Document{Body: body, ContentType: res.Header.Get("Content-Type")},
		maxAge:   maxAge(res.Header),
	}, nil
}

// call makes a call when it is its turn.
func (c *Client) call(g *gate, req *http.Request, use func(*http.Response) error) error {
	host := req.URL.Host
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	defer cancel()
	leave, err := g.enter(ctx, strings.ToLower(req.URL.Hostname())) // whatever its ports
	if err != nil {
		return fmt.Errorf("%s %w", host, err)
	}
	defer leave()
	req.Header.Set("User-Agent", "Gatelodge")
	req.Header.Set("Accept-Encoding", "identity")
	client := c.secure
	if req.URL.Scheme == "http" {
		client = c.plain
	}
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return failedBy(host, err)
	}
	defer res.Body.Close()
	if err := use(res); err != nil {
		return failedBy(host, err)
	}
	return nil
}

// failure is a call that failed.
type failure struct {
	host, why string
	// lasting: it is what the server has to say, and no outage of it.
	lasting bool
}

func (f *failure) Error() string { return f.host + " " + ErrFailed.Error() + ": " + f.why }
func (f *failure) Unwrap() error { return ErrFailed }

// failedBy says why a call failed in words of ours: the error of a library can
// have the URL in it, or what the server sent.
func failedBy(host string, err error) error {
	if errors.Is(err, ErrRefused) {
		return fmt.Errorf("%s %w", host, refusal(err))
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{host: host, why: reason(err)}
}

// refusal is the innermost error that is ours.
func refusal(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return ErrRefused
}

func reason(err error) string {
	dns, isDNS := errors.AsType[*net.DNSError](err)
	certificate, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	var why string
	switch {
	case errors.Is(err, context.DeadlineExceeded) || isTimeout && timeout.Timeout():
		why = "it took too long"
	case isDNS && dns.IsNotFound:
		why = "there is no such host"
	case isDNS:
		why = "its name could not be looked up"
	case isCertificate:
		why = "its certificate: " + certificate.Err.Error()
	case isOp:
		why = op.Op + ": " + op.Err.Error()
	default:
		why = "the answer is not HTTP, or was cut off"
	}
	const most = 200 // a certificate can have many names
	return why[:min(len(why), most)]
}
