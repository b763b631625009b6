package providertest

import (
	"encoding/pem"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
)

// Outbound has a provider call the server, which speaks TLS on this machine.
func Outbound(t testing.TB, s *httptest.Server) config.Outbound {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Outbound{CAFile: file, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}
