// Package pages walks through every page as people do: in a real browser, with
// JavaScript and without, on a phone and on a desk, by light and in the dark, with
// the keyboard alone, and by the rules of WCAG. The provider runs in the same
// process, so that its clock can be moved.
package pages

import (
	"os"
	"testing"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/pgtest"
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		defer browsertest.Stop()
		return pgtest.Run(m)
	}())
}
