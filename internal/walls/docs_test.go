package walls

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testNamed   = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*)`")
	moduleNamed = regexp.MustCompile("`(oidcc-[a-z0-9_-]+)`")
	pathNamed   = regexp.MustCompile("`((?:provider|internal|consent-ui|storage|e2e|cmd|migrations|docs)/[A-Za-z0-9_./-]+)`")
)

// pages are the texts of all pages that the patterns match.
func pages(t *testing.T, patterns ...string) []byte {
	t.Helper()
	var all []byte
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || files == nil {
			t.Fatalf("%s: %d pages, %v", pattern, len(files), err)
		}
		for _, file := range files {
			page, err := os.ReadFile(filepath.Clean(file))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
		}
	}
	return all
}

// Docs are code: the tree has every package.
func TestArchitecturePageHasEveryPackage(t *testing.T) {
	t.Parallel()
	page := pages(t, "docs/ARCHITECTURE.md")
	packages, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		name, rest, nested := strings.Cut(p.path, "/")
		if nested && (name == "cmd" || name == "internal" || name == "provider") {
			below, _, _ := strings.Cut(rest, "/")
			name += "/" + below
		}
		if !bytes.Contains(page, []byte("`"+name)) {
			t.Errorf("the tree lacks %s", name)
		}
	}
}

// The tests, the modules of the public suite and the files that pages name exist.
func TestPagesNameWhatThereIs(t *testing.T) {
	t.Parallel()
	page := pages(t, "README.md", "docs/*.md", "docs/adr/*.md")
	modules, err := os.ReadFile(filepath.Join(root, "e2e", "conformance", "modules.txt"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t)
	named := 0
	for _, m := range testNamed.FindAllSubmatch(page, -1) {
		if named++; !tests[string(m[1])] {
			t.Errorf("there is no %s", m[1])
		}
	}
	for _, m := range moduleNamed.FindAllSubmatch(page, -1) {
		if named++; !bytes.Contains(modules, m[1]) {
			t.Errorf("there is no module %s", m[1])
		}
	}
	for _, m := range pathNamed.FindAllSubmatch(page, -1) {
		named++
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(string(m[1])))); err != nil {
			t.Errorf("there is no %s", m[1])
		}
	}
	if named == 0 {
		t.Error("the pages name nothing")
	}
}

// testsOf are the names of all tests of the repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]*)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "data") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(filepath.Clean(path))
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
