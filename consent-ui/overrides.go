package consentui

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// overlay is files over others of the same names.
type overlay struct{ over, under fs.FS }

// Open implements [fs.FS].
func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.under.Open(name)
	}
	return f, err
}

// ReadDir implements [fs.ReadDirFS]: what is in either.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries := map[string]fs.DirEntry{}
	for _, files := range []fs.FS{o.under, o.over} {
		list, err := fs.ReadDir(files, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, entry := range list {
			entries[entry.Name()] = entry
		}
	}
	var all []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		all = append(all, entries[name])
	}
	return all, nil
}

// unknown returns the files of a folder of replacements that replace nothing: a slip
// in a name would otherwise go unnoticed. Texts may be of a language that we have
// none in, and static files further ones.
func unknown(over fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(over, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		folder, _, _ := strings.Cut(name, "/")
		_, missing := fs.Stat(files, name)
		if missing != nil && folder != "static" && (folder != "texts" || filepath.Ext(name) != ".json") {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// replace lays the folder of replacements over our files.
func (p *Pages) replaceFiles(folder string) error {
	if folder == "" {
		return nil
	}
	over := os.DirFS(folder)
	names, err := unknown(over)
	if err != nil {
		return fmt.Errorf("read the folder of templates %s: %w", folder, err)
	}
	if len(names) > 0 {
		return fmt.Errorf("the folder of templates has files that replace none of ours: %s", strings.Join(names, ", "))
	}
	p.over, p.files = over, overlay{over, files}
	return nil
}

// check renders each page once, so that a mistake in a template that replaces one of
// ours shows at start and not to somebody who wants to sign in.
func (p *Pages) check() error {
	for _, page := range allPages() {
		if _, err := p.execute(p.view(p.Texts(), page)); err != nil {
			return err
		}
	}
	_, err := p.letters()
	return err
}

// inPage is how large a logo may be to be part of the page: it then costs no request.
const inPage = 8 << 10

// loadLogo returns the address of the logo in the file: it is part of the page if it
// is small, and served under a name of its content else.
func (p *Pages) loadLogo(path string) (template.URL, error) {
	if path == "" {
		return "", nil
	}
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("read the logo: %w", err)
	}
	kind := http.DetectContentType(content)
	if filepath.Ext(path) == ".svg" {
		kind = "image/svg+xml"
	}
	if !strings.HasPrefix(kind, "image/") {
		return "", fmt.Errorf("the logo %s is not an image", path)
	}
	if len(content) <= inPage {
		return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)), nil //nolint:gosec // the operator's
	}
	extensions, err := mime.ExtensionsByType(kind)
	if err != nil || len(extensions) == 0 {
		return "", fmt.Errorf("the logo %s is of an unknown kind", path)
	}
	served, err := p.static.add("logo"+extensions[0], content)
	return template.URL(served), err //nolint:gosec // a path of ours
}
