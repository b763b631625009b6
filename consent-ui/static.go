package consentui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// static holds the files of static/, each under a name that its content
// decides, which therefore never changes its content.
type static struct {
	paths map[string]string // style.css → /static/style.0123456789ab.css
	files map[string]staticFile
}

type staticFile struct {
	contentType    string
	plain, gzipped []byte
}

func loadStatic(files fs.FS, theme Theme) (*static, error) {
	s := &static{paths: map[string]string{}, files: map[string]staticFile{}}
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return nil, fmt.Errorf("list the static files: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		content, err := fs.ReadFile(files, "static/"+name)
		if err != nil {
			return nil, fmt.Errorf("read a static file: %w", err)
		}
		if name == styleSheet {
			content = append(content, theme.css()...)
		}
		if _, err := s.add(name, content); err != nil {
			return nil, err
		}
	}
	return s, s.join("sign-in.js", "page.js", "passkey.js")
}

// join serves files as one, for a page that has no request to spare.
func (s *static) join(name string, parts ...string) error {
	var all []byte
	for _, part := range parts {
		all = append(all, s.files[s.paths[part]].plain...)
	}
	_, err := s.add(name, all)
	return err
}

// styleSheet is the file that the provider's theme becomes part of, for it to cost no
// request.
const styleSheet = "style.css"

// add serves one more file, and returns under which path.
func (s *static) add(name string, content []byte) (string, error) {
	compressed, err := compress(content)
	if err != nil {
		return "", fmt.Errorf("compress %s: %w", name, err)
	}
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := "/static/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	s.paths[name] = hashed
	s.files[hashed] = staticFile{mime.TypeByExtension(ext), content, compressed}
	return hashed, nil
}

func compress(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ServeHTTP serves a file under its hashed name, for good.
func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	// An image that somebody opens by itself runs nothing and has no origin.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.gzipped
	}
	_, _ = w.Write(body) // the browser has gone: nothing to be done
}

// path returns the path under which the file is served.
func (s *static) path(name string) (string, error) {
	hashed, ok := s.paths[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return hashed, nil
}
