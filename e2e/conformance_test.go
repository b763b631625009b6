package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What docs/conformance.md says to do before the public suite is pointed at a
// provider, done to the letter but for names and places: a certificate from files,
// clients that register themselves, and a person with every claim.
func TestConformancePageSetsAProviderUp(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|sh)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks, not settings, people and commands", len(blocks))
	}
	dir, addr := t.TempDir(), "localhost:"+freePort(t)
	trusted := writeCertificate(t, dir)
	settings := strings.NewReplacer(
		"https://op.example.org:8443", "https://"+addr, "addr: :8443", "addr: "+addr, "/etc/gatelodge", dir,
	).Replace(blocks[0][2]) + "ops:\n  addr: localhost:" + freePort(t) + "\n"
	for file, text := range map[string]string{"config.yaml": settings, "people.yaml": blocks[1][2]} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"GATELODGE_SECRET=a secret for this test, 32 bytes or more", "SUITE_PASSWORD=the suite's password"}
	var serving *process
	for command := range strings.Lines(blocks[2][2]) {
		arguments := strings.Fields(command)[1:]
		serving = start(t, dir, env, program("gatelodge"), arguments...)
		if arguments[0] != "serve" && serving.wait(t) != 0 {
			t.Fatalf("%s: %s", command, serving.output)
		}
	}
	serving.says(t, `"serving"`)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer client.CloseIdleConnections()
	var metadata map[string]any
	fetch(t, client, "https://"+addr+"/.well-known/openid-configuration", &metadata)
	if metadata["registration_endpoint"] != "https://"+addr+"/register" {
		t.Errorf("registration_endpoint is %v", metadata["registration_endpoint"])
	}
}

// fetch decodes a JSON document.
func fetch(t *testing.T, client *http.Client, url string, into any) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %v", url, res.StatusCode, err)
	}
}

// writeCertificate writes a certificate for localhost, its key, and the authority
// of the suite's certificate, which is the same here, and returns what trusts it.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for file, block := range map[string]*pem.Block{
		"cert.pem":     {Type: "CERTIFICATE", Bytes: certificate},
		"suite-ca.pem": {Type: "CERTIFICATE", Bytes: certificate},
		"key.pem":      {Type: "PRIVATE KEY", Bytes: private},
	} {
		encoded := pem.EncodeToMemory(block)
		pool.AppendCertsFromPEM(encoded)
		if err := os.WriteFile(filepath.Join(dir, file), encoded, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}
