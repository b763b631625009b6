// Package nodetest brings what tests need of npm's packages.
package nodetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

//nolint:gochecknoglobals // one installation a directory, whoever asks
var (
	mu        sync.Mutex
	installed = map[string]error{}
)

// Install installs what the package-lock.json in the directory says, once for each
// version of it.
func Install(tb testing.TB, dir string) {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if _, done := installed[dir]; !done {
		installed[dir] = install(dir)
	}
	if err := installed[dir]; err != nil {
		tb.Fatal(err)
	}
}

func install(dir string) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	note := filepath.Join(dir, "node_modules", "installed-lock.json")
	if before, err := os.ReadFile(note); err == nil && string(before) == string(lock) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci (Debian's packages nodejs and npm): %w: %s", err, out)
	}
	return os.WriteFile(note, lock, 0o600)
}
