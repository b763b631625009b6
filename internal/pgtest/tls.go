package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLS returns the URL of a database of [NewDatabase] over TLS, with everything
// verified as in the URLs that Neon gives. It needs the server that we started.
func TLS(tb testing.TB, database string) string {
	tb.Helper()
	if shared.server == nil {
		tb.Fatal("GATELODGE_TEST_DATABASE_URL is set: the test of TLS needs a server of its own")
	}
	return change(database, func(u *url.URL) {
		u.RawQuery = url.Values{
			"sslmode": {"verify-full"}, "channel_binding": {"require"},
			"sslrootcert": {shared.server.path("ca.crt")},
		}.Encode()
	})
}

// writeCertificates writes a certificate authority and a server's certificate.
func writeCertificates(dir string) error {
	ca, caKey, err := certificate("pgtest CA", nil, nil)
	if err != nil {
		return err
	}
	server, serverKey, err := certificate("127.0.0.1", ca, caKey)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return err
	}
	uid, gid, err := owner()
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"ca.crt":     {Type: "CERTIFICATE", Bytes: ca.Raw},
		"server.crt": {Type: "CERTIFICATE", Bytes: server.Raw},
		"server.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// certificate makes one for the name, signed by the parent, or by itself if that
// is nil.
func certificate(
	name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey,
) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, parentKey = template, key
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		template.IPAddresses = []net.IP{net.ParseIP(name)}
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(der)
	return made, key, err
}
