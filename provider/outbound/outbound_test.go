package outbound_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/outbound"
)

// clock stands still until it is moved.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanoseconds.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// loopback is where the servers of the tests are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// server is a server of a client's with a certificate of an authority of its own.
type server struct {
	*httptest.Server
	calls atomic.Int32
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		h(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// open returns a client that trusts the server, as changed.
func open(t *testing.T, s *server, change func(*outbound.Config)) (*outbound.Client, *clock) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	at := &clock{}
	config := outbound.Config{CAFile: file, Allow: loopback, Now: at.now}
	if change != nil {
		change(&config)
	}
	c, err := outbound.New(config)
	if err != nil {
		t.Fatal(err)
	}
	outbound.SetTimeout(c, time.Minute) // the machine may have much else to do
	t.Cleanup(func() { _ = c.Close() })
	return c, at
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello")
}

func get(t *testing.T, c *outbound.Client, rawURL string) string {
	t.Helper()
	d, err := c.Get(t.Context(), rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return string(d.Body)
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestDocumentIsFetchedWithoutTellingAnything(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		hello(w, r)
	})
	c, at := open(t, s, nil)
	for range 2 {
		d, err := c.Get(t.Context(), s.URL+"/doc#version")
		if err != nil || string(d.Body) != "hello" || d.ContentType != "text/plain" {
			t.Fatalf("got %q, %v", d, err)
		}
		at.advance(time.Hour)
	}
	for _, name := range []string{"Cookie", "Referer", "Authorization"} {
		if got.Get(name) != "" {
			t.Errorf("%s was sent: %q", name, got.Get(name))
		}
	}
}

// No answer can lead on, be endless, or grow while it is read.
func TestAnswersThatAreNotTaken(t *testing.T) {
	t.Parallel()
	zeros := bytes.Repeat([]byte{'0'}, 10<<20)
	for name, h := range map[string]http.HandlerFunc{
		"redirect":  http.RedirectHandler("https://public.example/", http.StatusFound).ServeHTTP,
		"not found": http.NotFound,
		"broken":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"huge":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(zeros) },
		"huge by its length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
		},
		"gzip bomb": func(w http.ResponseWriter, r *http.Request) {
			if accepted := r.Header.Get("Accept-Encoding"); accepted != "identity" {
				t.Errorf("Accept-Encoding is %q", accepted)
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(zeros)
			_ = z.Close()
		},
		"huge header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("0", 64<<10))
		},
		"no HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "a secret of the server behind\r\n\r\n")
				_ = conn.Close()
			}
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "short")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, h)
			c, _ := open(t, s, nil)
			_, err := c.Get(t.Context(), s.URL+"/path?token=secret")
			wantError(t, err, outbound.ErrFailed)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells a secret: %v", err)
			}
			if n := s.calls.Load(); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func TestSlowAnswerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		_ = http.NewResponseController(w).Flush()
		<-finish
	})
	defer close(finish)
	c, _ := open(t, s, nil)
	outbound.SetTimeout(c, 50*time.Millisecond)
	_, err := c.Get(t.Context(), s.URL)
	wantError(t, err, outbound.ErrFailed)
}

// Of the answer to a form, the status is of interest alone.
func TestEndlessAnswerToAFormIsCutOff(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 32<<10))
		}
	})
	c, _ := open(t, s, nil)
	if status, err := c.PostForm(t.Context(), s.URL, nil); err != nil || status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

// What is not public is not called unless it is allowed, however it is named.
func TestPrivateAddressesAreNotCalled(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c, _ := open(t, s, func(o *outbound.Config) { o.Allow = nil })
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "[fe80::1]", "[fd00::1]", "169.254.169.254", "100.64.0.1", "224.0.0.1",
	} {
		target := "https://" + net.JoinHostPort(strings.Trim(host, "[]"), port)
		_, err := c.Get(t.Context(), target)
		wantError(t, err, outbound.ErrRefused)
		_, err = c.PostForm(t.Context(), target, nil)
		wantError(t, err, outbound.ErrRefused)
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A name that led to a public address when it was registered leads to another
// when it is called: what counts is the address that is connected to.
func TestRebindingIsSeen(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"} {
		c, _ := open(t, s, func(o *outbound.Config) {
			o.Allow = nil
			o.Resolver = resolver(t, netip.MustParseAddr(address))
		})
		target := "https://rebound.example:" + port
		if err := c.Check(target); err != nil {
			t.Fatal(err)
		}
		_, err := c.Get(t.Context(), target)
		wantError(t, err, outbound.ErrRefused)
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
	c, _ := open(t, s, func(o *outbound.Config) { o.Resolver = resolver(t, netip.MustParseAddr("127.0.0.1")) })
	if got := get(t, c, "https://allowed.example.com:"+port); got != "hello" {
		t.Errorf("got %q", got)
	}
}

// resolver answers every question with the address.
func resolver(t *testing.T, address netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		question := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(question[:n], address), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers the question as RFC 1035 §4 says.
func dnsAnswer(question []byte, address netip.Addr) []byte {
	end := 12 // of the header
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	kind := question[end+2] // the low byte of QTYPE
	answer := bytes.Clone(question[:end+5])
	answer[2], answer[3] = 0x84, 0x00 // a response, with authority
	copy(answer[4:12], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	a := address.AsSlice()
	if kind == 1 && len(a) == 4 || kind == 28 && len(a) == 16 {
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(a)))
		answer = append(answer, a...)
	}
	return answer
}

func TestPlainHTTPIsForAllowedNetworks(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(plain.Close)
	s := serve(t, hello)
	c, _ := open(t, s, nil)
	_, err := c.Get(t.Context(), plain.URL)
	wantError(t, err, outbound.ErrRefused)
	wantError(t, c.Check(plain.URL), outbound.ErrRefused)

	c, _ = open(t, s, func(o *outbound.Config) { o.HTTP = true })
	if got := get(t, c, plain.URL); got != "hello" {
		t.Errorf("got %q", got)
	}
	wantError(t, c.Check("http://93.184.215.14/"), outbound.ErrRefused)

	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	c, _ = open(t, s, func(o *outbound.Config) {
		o.HTTP = true
		o.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	_, err = c.Get(t.Context(), "http://localhost:"+port)
	wantError(t, err, outbound.ErrRefused)
}

func TestCertificateMustBeTrusted(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	c, _ := open(t, s, func(o *outbound.Config) { o.CAFile = "" })
	_, err := c.Get(t.Context(), s.URL)
	wantError(t, err, outbound.ErrFailed)
	if _, err := outbound.New(outbound.Config{CAFile: filepath.Join(t.TempDir(), "none.pem")}); err == nil {
		t.Error("a CA file that is missing is none of the client's business")
	}
}

// One fetch serves all who want the document, and who gives up takes it from
// nobody.
func TestFetchIsShared(t *testing.T) {
	t.Parallel()
	began, finish := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		hello(w, r)
	})
	c, _ := open(t, s, nil)
	first, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := c.Get(first, s.URL)
		gaveUp <- err
	}()
	<-began
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			if d, err := c.Get(t.Context(), s.URL); err != nil || string(d.Body) != "hello" {
				t.Errorf("got %q, %v", d.Body, err)
			}
		})
	}
	cancel()
	wantError(t, <-gaveUp, context.Canceled)
	close(finish)
	others.Wait()
	if n := s.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// RFC 9111 §5.2.2.1, within our bounds.
func TestDocumentsAreKeptAsLongAsTheServerSays(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"":                      5 * time.Minute,
		"max-age=600":           10 * time.Minute,
		"public, Max-Age=600":   10 * time.Minute,
		"max-age=1":             time.Minute,
		"no-store":              time.Minute,
		"max-age=31536000":      time.Hour,
		"max-age=a, s-maxage=5": 5 * time.Minute,
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", control)
			hello(w, r)
		})
		c, at := open(t, s, nil)
		get(t, c, s.URL)
		at.advance(want - time.Second)
		get(t, c, s.URL)
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%q: %d calls while it is fresh", control, n)
		}
		at.advance(2 * time.Second)
		get(t, c, s.URL)
		if n := s.calls.Load(); n != 2 {
			t.Errorf("%q: %d calls after it has expired", control, n)
		}
	}
}

func TestFailureIsKeptLongerEachTime(t *testing.T) {
	t.Parallel()
	s := serve(t, http.NotFound)
	c, at := open(t, s, nil)
	for i, seconds := range []int{10, 20, 40, 60, 60} {
		want := time.Duration(seconds) * time.Second
		_, err := c.Get(t.Context(), s.URL)
		wantError(t, err, outbound.ErrFailed)
		at.advance(want - 1)
		_, err = c.Get(t.Context(), s.URL)
		wantError(t, err, outbound.ErrFailed)
		if n := int(s.calls.Load()); n != i+1 {
			t.Fatalf("%d calls, want %d", n, i+1)
		}
		at.advance(1)
	}
}

// What a client published holds while its server is out, and not when the server
// says that it is there no more.
func TestKnownDocumentOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusOK)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, "hello")
	})
	c, at := open(t, s, nil)
	get(t, c, s.URL)
	status.Store(http.StatusServiceUnavailable)
	at.advance(6 * time.Minute)
	if got := get(t, c, s.URL); got != "hello" || s.calls.Load() != 2 {
		t.Errorf("got %q after %d calls", got, s.calls.Load())
	}
	_, err := c.Refetch(t.Context(), s.URL)
	wantError(t, err, outbound.ErrFailed)
	at.advance(24 * time.Hour)
	_, err = c.Get(t.Context(), s.URL)
	wantError(t, err, outbound.ErrFailed)

	status.Store(http.StatusOK)
	at.advance(time.Hour)
	get(t, c, s.URL)
	status.Store(http.StatusNotFound)
	at.advance(time.Hour)
	_, err = c.Get(t.Context(), s.URL)
	wantError(t, err, outbound.ErrFailed)
}

func TestRefetchWaitsTenSeconds(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	c, at := open(t, s, nil)
	get(t, c, s.URL)
	for _, step := range []struct {
		after time.Duration
		calls int32
	}{{0, 1}, {9 * time.Second, 1}, {time.Second, 2}, {time.Second, 2}, {9 * time.Second, 3}} {
		at.advance(step.after)
		if _, err := c.Refetch(t.Context(), s.URL); err != nil {
			t.Fatal(err)
		}
		if n := s.calls.Load(); n != step.calls {
			t.Errorf("%d calls, want %d", n, step.calls)
		}
	}
}

// One host has a few calls at a time and a few places in the queue; others are
// not held up.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int32
	began, finish := make(chan struct{}, 200), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			n := running.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			began <- struct{}{}
			<-finish
			running.Add(-1)
		}
		hello(w, r)
	})
	c, _ := open(t, s, func(o *outbound.Config) { o.Resolver = resolver(t, netip.MustParseAddr("127.0.0.1")) })
	results := make(chan error, 200)
	for range 200 {
		go func() {
			_, err := c.PostForm(t.Context(), s.URL+"/", url.Values{"logout_token": {"x"}})
			results <- err
		}()
	}
	for range 200 - 4 - 64 {
		wantError(t, <-results, outbound.ErrBusy)
	}
	for range 4 {
		<-began
	}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	if _, err := c.PostForm(t.Context(), "https://example.com:"+port+"/other", nil); err != nil {
		t.Errorf("another host is held up: %v", err)
	}
	close(finish)
	for range 4 + 64 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := most.Load(); n != 4 {
		t.Errorf("%d calls at once", n)
	}
}

// Hardening 9, everything is bounded: with a server for each of its ports a host has
// no more places than with one.
func TestHostIsOneWhateverItsPorts(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	s, other := serve(t, func(http.ResponseWriter, *http.Request) { <-finish }), serve(t, hello)
	c, _ := open(t, s, nil)
	results := make(chan error, 100)
	for range 100 {
		go func() {
			_, err := c.PostForm(t.Context(), s.URL, nil)
			results <- err
		}()
	}
	for range 100 - 4 - 64 {
		wantError(t, <-results, outbound.ErrBusy)
	}
	_, err := c.PostForm(t.Context(), other.URL, nil)
	wantError(t, err, outbound.ErrBusy)
	close(finish)
	for range 4 + 64 {
		wantError(t, <-results, nil)
	}
}

// Hardening, error caching as denial: who fills all places keeps nobody from what is
// known, and has nobody wait for it again and again.
func TestKnownDocumentDoesNotWaitForAPlace(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	var known atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			known.Add(1)
		} else {
			<-finish
		}
		hello(w, r)
	})
	c, at := open(t, s, nil)
	get(t, c, s.URL+"/known")
	at.advance(6 * time.Minute)
	results := make(chan error, 100)
	for i := range 100 {
		go func() {
			_, err := c.Get(t.Context(), fmt.Sprintf("%s/slow/%d", s.URL, i))
			results <- err
		}()
	}
	for range 100 - 4 - 64 { // all places are taken
		wantError(t, <-results, outbound.ErrBusy)
	}
	if got := get(t, c, s.URL+"/known"); got != "hello" {
		t.Errorf("got %q", got)
	}
	close(finish)
	for range 4 + 64 {
		wantError(t, <-results, nil)
	}
	for after, want := range []int32{1, 2} {
		at.advance(time.Duration(after) * 10 * time.Second)
		if get(t, c, s.URL+"/known"); known.Load() != want {
			t.Errorf("%d calls, want %d", known.Load(), want)
		}
	}
}

func TestFormIsPostedOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.PostFormValue("logout_token") != "a b" {
			t.Errorf("got %s %q", r.Method, r.PostForm)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	c, _ := open(t, s, nil)
	status, err := c.PostForm(t.Context(), s.URL, url.Values{"logout_token": {"a b"}})
	if err != nil || status != http.StatusTemporaryRedirect || s.calls.Load() != 1 {
		t.Errorf("got %d, %v after %d calls", status, err, s.calls.Load())
	}
	_, err = c.PostForm(t.Context(), s.URL+"/#fragment", nil)
	wantError(t, err, outbound.ErrRefused)
	s.Close()
	_, err = c.PostForm(t.Context(), s.URL, nil)
	wantError(t, err, outbound.ErrFailed)
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	began, finish, ended := make(chan struct{}), make(chan struct{}), atomic.Bool{}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		hello(w, r)
	})
	c, _ := open(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = c.Get(ctx, s.URL) }()
	<-began
	cancel()
	go func() {
		ended.Store(true)
		close(finish)
	}()
	if err := c.Close(); err != nil || !ended.Load() {
		t.Errorf("closed with %v, the fetch had ended: %v", err, ended.Load())
	}
	_, err := c.Get(t.Context(), s.URL)
	wantError(t, err, outbound.ErrClosed)
	_, err = c.PostForm(t.Context(), s.URL, nil)
	wantError(t, err, outbound.ErrClosed)
}

// The memory that documents take has a bound.
func TestOldDocumentsMakeRoom(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte{'0'}, 256<<10)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	c, _ := open(t, s, nil)
	var all sync.WaitGroup
	for i := range 140 {
		if i%50 == 49 {
			all.Wait() // within the places of the queue
		}
		all.Go(func() {
			if _, err := c.Get(t.Context(), s.URL+"/"+strings.Repeat("x", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if size := outbound.Size(c); size > 32<<20 || size < 31<<20 {
		t.Errorf("%d bytes are kept", size)
	}
}

// Hardening 9, and cache poisoning across clients: who has us fetch address after
// address does not push out what others use.
func TestDocumentsInUseAreKept(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte{'0'}, 256<<10)
	var known atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			known.Add(1)
			w.Header().Set("Cache-Control", "max-age=3600")
			hello(w, r)
			return
		}
		_, _ = w.Write(body)
	})
	c, at := open(t, s, nil)
	for i := range 400 {
		at.advance(time.Second)
		get(t, c, s.URL+"/known")
		at.advance(time.Second)
		get(t, c, fmt.Sprintf("%s/%d", s.URL, i))
	}
	if n := known.Load(); n != 1 {
		t.Errorf("it was forgotten %d times", n-1)
	}
}
