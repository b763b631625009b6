package consentui

import (
	"os"
	"testing"

	"github.com/gatelodge/gatelodge/internal/browsertest"
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		defer browsertest.Stop()
		return m.Run()
	}())
}
