// Package walls holds no code: its tests keep the walls of the house. The linter
// sees what a file imports, they also see what it reaches through packages of
// ours.
package walls

import (
	"errors"
	"go/build"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/gatelodge/gatelodge/"
	root   = "../.." // of the repository
)

// pkg is a package of ours: its path below the module, what it imports, and
// what only its tests do.
type pkg struct {
	path        string
	imports     []string
	testImports []string
}

// ours are the packages of the module by their paths. They are read from their
// files and not asked of go list, so that go test can tell when a result that it
// has cached is out of date.
var ours = sync.OnceValues(func() (map[string]pkg, error) {
	context := build.Default
	context.UseAllFiles = true // those for other systems too
	packages := map[string]pkg{}
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		found, err := context.ImportDir(dir, 0)
		if _, none := errors.AsType[*build.NoGoError](err); none {
			return nil
		}
		p := pkg{
			path:        filepath.ToSlash(strings.TrimPrefix(dir, root+string(filepath.Separator))),
			imports:     found.Imports,
			testImports: slices.Concat(found.TestImports, found.XTestImports),
		}
		packages[p.path] = p
		return err
	})
	return packages, err
})

// all are the imports of the package and of its tests.
func all(p pkg) []string { return slices.Concat(p.imports, p.testImports) }

// reached are the imports of the package, and those of ours that it imports, and
// so on. What others import is theirs.
func reached(p pkg) []string {
	packages, _ := ours()
	found := slices.Clone(p.imports)
	for i := 0; i < len(found); i++ {
		for _, next := range packages[strings.TrimPrefix(found[i], module)].imports {
			if !slices.Contains(found, next) {
				found = append(found, next)
			}
		}
	}
	return found
}

// refuse fails the test for each import that is forbidden to its package.
func refuse(t *testing.T, imports func(pkg) []string, forbidden func(p, imported string) bool) {
	t.Helper()
	packages, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 30 {
		t.Fatalf("there are %d packages only", len(packages))
	}
	for _, p := range packages {
		for _, imported := range slices.Compact(slices.Sorted(slices.Values(imports(p)))) {
			if forbidden(p.path, imported) {
				t.Errorf("%s must not reach %s", p.path, imported)
			}
		}
	}
}

// under reports whether the import is one of the prefixes or below it.
func under(imported string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}

// standard reports whether the import is the standard library's, whose names have
// no host.
func standard(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(host, ".")
}

// Only provider/engine knows fosite, and the go-jose v3 of fosite's types.
func TestOnlyTheEngineKnowsFosite(t *testing.T) {
	t.Parallel()
	refuse(t, all, func(p, imported string) bool {
		return under(imported, "github.com/ory", "github.com/go-jose/go-jose/v3") && !under(p, "provider/engine")
	})
}

// The contract of storage, the vocabulary of the protocol and the hosted pages
// stand on nothing: whatever is behind them can be replaced. The pages know the
// world's languages by golang.org/x/text.
func TestContractsStandOnTheStandardLibrary(t *testing.T) {
	t.Parallel()
	refuse(t, reached, func(p, imported string) bool {
		if p == "consent-ui" && under(imported, "golang.org/x/text") {
			return false
		}
		return slices.Contains([]string{"storage", "provider/oauth", "consent-ui"}, p) && !standard(imported)
	})
}

// storage and its engines know no protocol and no HTTP, and their tests neither.
func TestStorageKnowsNoProtocol(t *testing.T) {
	t.Parallel()
	refuse(t, func(p pkg) []string { return slices.Concat(all(p), reached(p)) }, func(p, imported string) bool {
		return under(p, "storage") && under(imported, "net/http", "github.com/ory", "github.com/go-jose/go-jose",
			"github.com/go-chi/chi", module+"provider")
	})
}

// The packages of endpoints do not know each other, not even through others.
func TestEndpointsDoNotKnowEachOther(t *testing.T) {
	t.Parallel()
	endpoints := []string{
		"provider/authapi", "provider/authorize", "provider/discovery", "provider/inbox", "provider/logo", "provider/logout", "provider/myaccount",
		"provider/register",
		"provider/token", "provider/userinfo",
	}
	refuse(t, reached, func(p, imported string) bool {
		return slices.Contains(endpoints, p) && slices.Contains(endpoints, strings.TrimPrefix(imported, module))
	})
}

// What authors of APIs import brings nothing of the provider's along.
func TestResourceStandsAlone(t *testing.T) {
	t.Parallel()
	refuse(t, all, func(p, imported string) bool {
		return p == "resource" && !standard(imported) && imported != module+"resource" &&
			!under(imported, "github.com/go-jose/go-jose/v4", "github.com/google/go-cmp")
	})
}

// A package is named after what it owns.
func TestNoPackageIsAGrabBag(t *testing.T) {
	t.Parallel()
	bags := []string{"util", "utils", "common", "helper", "helpers", "misc", "shared"}
	refuse(t, all, func(_, imported string) bool { return slices.Contains(bags, path.Base(imported)) })
}
