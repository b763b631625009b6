package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
)

// files are a certificate and its key.
type files struct {
	config.HTTP
	written time.Time
}

func newFiles(t *testing.T) *files {
	t.Helper()
	dir := t.TempDir()
	f := &files{written: time.Now().Add(-time.Hour)}
	f.TLSCertificate, f.TLSKey = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	return f
}

// write writes a file, as if at a time that differs from the last.
func (f *files) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f.written = f.written.Add(time.Second)
	if err := os.Chtimes(name, f.written, f.written); err != nil {
		t.Fatal(err)
	}
}

// issue writes a new certificate for the name and its key.
func (f *files) issue(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, f.TLSCertificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	f.write(t, f.TLSKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// listening serves with the files and returns the address, and the log.
func listening(t *testing.T, f *files, now func() time.Time) (string, *strings.Builder) {
	t.Helper()
	log := &strings.Builder{}
	cert, err := loadCertificate(f.HTTP, slog.New(slog.NewTextHandler(log, nil)), now)
	if err != nil {
		t.Fatal(err)
	}
	s := server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.TLSConfig = cert.settings()
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	start(s, []net.Listener{l}, make(chan error, 1))
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String(), log
}

// handshake returns the name in the certificate, and the state.
func handshake(t *testing.T, addr string, settings *tls.Config) (string, tls.ConnectionState, error) {
	t.Helper()
	settings.InsecureSkipVerify = true
	conn, err := tls.Dial("tcp", addr, settings)
	if err != nil {
		return "", tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	s := conn.ConnectionState()
	return s.PeerCertificates[0].Subject.CommonName, s, nil
}

// A renewed certificate is taken within a minute; a broken one never, which is
// said once.
func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.issue(t, "first.example")
	var mu sync.Mutex
	at := time.Now()
	advance := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(d)
	}
	addr, log := listening(t, f, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	})
	want := func(name string) {
		t.Helper()
		if got, _, err := handshake(t, addr, &tls.Config{}); err != nil || got != name {
			t.Errorf("got %q, %v, want %q", got, err, name)
		}
	}
	want("first.example")
	f.issue(t, "second.example")
	advance(59 * time.Second)
	want("first.example")
	advance(time.Second)
	want("second.example")

	old, err := os.ReadFile(f.TLSKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"not PEM", string(old[:40])} {
		f.write(t, f.TLSKey, []byte(broken))
		for range 3 {
			advance(time.Minute)
			want("second.example")
		}
	}
	if err := os.Remove(f.TLSKey); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		advance(time.Minute)
		want("second.example")
	}
	f.issue(t, "third.example")
	advance(time.Minute)
	want("third.example")
	if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
		t.Errorf("%d faults are logged, want 3:\n%s", n, log)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("the key is logged:\n%s", log)
	}
}

// RFC 9325 §3.1.1, §4.2: TLS 1.3 where the client can, 1.2 with forward secrecy
// and authenticated encryption, and nothing else.
func TestTLSIsModern(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.issue(t, "login.example")
	addr, _ := listening(t, f, time.Now)
	if _, s, err := handshake(t, addr, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}); err != nil ||
		s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
		t.Errorf("got version %x, %q, %v", s.Version, s.NegotiatedProtocol, err)
	}
	if _, _, err := handshake(t, addr, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		good := strings.HasPrefix(suite.Name, "TLS_ECDHE_ECDSA_WITH_AES_") && strings.Contains(suite.Name, "_GCM_")
		settings := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}}
		if _, _, err := handshake(t, addr, settings); (err == nil) != good {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
}

func TestBadCertificateIsAClearErrorAtStart(t *testing.T) {
	t.Parallel()
	if c, err := loadCertificate(config.HTTP{}, nil, time.Now); c != nil || err != nil {
		t.Errorf("without files: got %v, %v", c, err)
	}
	f, other := newFiles(t), newFiles(t)
	f.issue(t, "login.example")
	other.issue(t, "login.example")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other.write(t, other.TLSKey, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for name, files := range map[string]config.HTTP{
		"no such file": {TLSCertificate: f.TLSCertificate, TLSKey: f.TLSKey + "x"},
		"not the key":  {TLSCertificate: f.TLSCertificate, TLSKey: other.TLSKey},
		"exchanged":    {TLSCertificate: f.TLSKey, TLSKey: f.TLSCertificate},
	} {
		_, err := loadCertificate(files, nil, time.Now)
		if err == nil || !strings.HasPrefix(err.Error(), "http.tls_certificate and http.tls_key: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var stdout, stderr bytes.Buffer
	settings := filepath.Join(t.TempDir(), "config.yaml")
	text := "issuer: https://login.example\nsecret: 0123456789012345678901234567890123456789\nhttp:\n  tls_certificate: " +
		f.TLSCertificate + "\n  tls_key: " + other.TLSKey + "\ndatabase:\n  path: " + filepath.Dir(settings) + "/gatelodge.db\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"serve"}, {"serve", "--check"}} {
		stderr.Reset()
		if code := run(t.Context(), append([]string{"-c", settings}, command...), nil, &stdout, &stderr); code != exitFailed ||
			!strings.Contains(stderr.String(), "http.tls_certificate") {
			t.Errorf("%v: code %d, %s", command, code, &stderr)
		}
	}
}

// RFC 6797 §7.2: who has been here by TLS comes by nothing else.
func TestBrowsersAreToldToComeByTLS(t *testing.T) {
	t.Parallel()
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for issuer, want := range map[string]string{
		"https://id.example": "max-age=31536000", "https://localhost:8443": "", // an address takes none, §8.1.1
	} {
		w := httptest.NewRecorder()
		onlyTLS(issuer, answer).ServeHTTP(w, httptest.NewRequest(http.MethodGet, issuer, nil))
		if got := w.Header().Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: %q", issuer, got)
		}
	}
}
