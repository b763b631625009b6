package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if settings, ok := isProvider(); ok {
		exit(provide(settings))
	}
	os.Exit(m.Run())
}

// Every path is measured on every database, and so is the program.
func TestBenchMeasuresEverything(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "gatelodge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/gatelodge").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	var out bytes.Buffer
	o := options{engine: "both", duration: 20 * time.Millisecond, workers: 2, binary: binary}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths() {
		if got := strings.Count(out.String(), "| "+p.name); got != 3 {
			t.Errorf("%s is measured %d times, want 3", p.name, got)
		}
	}
	for _, measured := range []string{"start to first answer", "idle", "size"} {
		if !strings.Contains(out.String(), measured) {
			t.Errorf("%s is not measured", measured)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
