// Package walls holds no code: its test keeps the walls of the house, over what
// each package imports, directly and through others.
package walls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatelodge/gatelodge/"

// pkg is what go list tells of a package, its tests included.
type pkg struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// ours lists the packages of the module.
func ours(t *testing.T) []pkg {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", module+"...")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

func imports(p pkg) []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

// under reports whether the path is the prefix or below it.
func under(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

// Only provider/engine imports fosite, and the go-jose v3 of fosite's types.
func TestOnlyTheEngineKnowsFosite(t *testing.T) {
	t.Parallel()
	for _, p := range ours(t) {
		for _, path := range imports(p) {
			foreign := under(path, "github.com/ory/fosite") || under(path, "github.com/go-jose/go-jose/v3")
			if foreign && !under(p.ImportPath, "provider/engine") {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// storage knows no protocol and no HTTP, not even through others; its engines
// import no HTTP either, whatever their drivers do.
func TestStorageKnowsNoProtocol(t *testing.T) {
	t.Parallel()
	for _, p := range ours(t) {
		reached := imports(p)
		if p.ImportPath == "storage" {
			reached = p.Deps
		}
		for _, path := range reached {
			for _, wall := range []string{
				"net/http", "github.com/ory/fosite", "github.com/go-jose/go-jose", "github.com/go-chi/chi", module + "provider",
			} {
				if under(p.ImportPath, "storage") && under(path, wall) {
					t.Errorf("%s imports %s", p.ImportPath, path)
				}
			}
		}
	}
}

// The protocol's vocabulary stands on nothing.
func TestVocabularyImportsTheStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	for _, p := range ours(t) {
		for _, path := range p.Imports {
			if p.ImportPath == "provider/oauth" && strings.Contains(path, ".") {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// The packages of endpoints never import each other.
func TestEndpointsDoNotImportEachOther(t *testing.T) {
	t.Parallel()
	endpoints := []string{"provider/authorize", "provider/discovery", "provider/token", "provider/userinfo"}
	for _, p := range ours(t) {
		for _, path := range p.Imports {
			other := strings.TrimPrefix(path, module)
			if slices.Contains(endpoints, p.ImportPath) && slices.Contains(endpoints, other) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// The pages decide nothing: they know neither the database nor the protocol.
func TestPagesKnowNothingOfUs(t *testing.T) {
	t.Parallel()
	for _, p := range ours(t) {
		for _, path := range p.Imports {
			if p.ImportPath == "consent-ui" && strings.HasPrefix(path, module) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// What authors of APIs import brings nothing of the provider's along.
func TestResourceStandsAlone(t *testing.T) {
	t.Parallel()
	for _, p := range ours(t) {
		for _, path := range p.Deps {
			if p.ImportPath == "resource" && strings.HasPrefix(path, module) {
				t.Errorf("%s reaches %s", p.ImportPath, path)
			}
		}
	}
}
