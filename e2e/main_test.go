// Package e2e tests the whole system from outside: the built programs as
// processes of their own, real clients that know nothing of us, a real browser,
// and what a machine does to them: kill -9 and a database that goes away. Rules
// that one process can prove are proven in the packages that own them.
package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/pgtest"
)

// programs is the directory with the built programs.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "gatelodge-e2e-"); err == nil {
			defer os.RemoveAll(programs)
			err = build(programs)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		defer browsertest.Stop()
		return pgtest.Run(m)
	}())
}

// build builds the programs as `make build` does.
func build(dir string) error {
	// go test takes a result that it remembers, unless what a test looked at has
	// changed: so look at what goes into the programs and is not imported here.
	for _, sources := range []string{"../cmd", "../internal", "../resource"} {
		look := func(string, fs.DirEntry, error) error { return nil }
		if err := filepath.WalkDir(sources, look); err != nil {
			return err
		}
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func program(name string) string { return filepath.Join(programs, name) }
