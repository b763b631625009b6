package consentui

import (
	"fmt"
	"html/template"
	"sync"
)

// sheets are the templates of the pages, each in every language. They are parsed
// when they are first shown: all of them would take longer than the rest of a start.
type sheets struct {
	mu     sync.Mutex
	common *template.Template // the layout, never executed, which would forbid copies
	ready  map[sheet]*template.Template
}

type sheet struct{ name, lang string }

// sheet returns the template in the language of the texts. What it defines replaces
// what the layout does, down to the layout itself.
func (p *Pages) sheet(name string, texts *Texts) (*template.Template, error) {
	s := &p.sheets
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sheet{name, texts.Lang}
	if t := s.ready[key]; t != nil {
		return t, nil
	}
	if s.common == nil {
		common, err := template.New("layout.html").Funcs(p.funcs(texts)).
			ParseFS(p.files, "templates/layout.html", "templates/parts.html", "templates/account.html")
		if err != nil {
			return nil, fmt.Errorf("parse the layout: %w", err)
		}
		s.common, s.ready = common, map[sheet]*template.Template{}
	}
	t, err := s.common.Clone()
	if err == nil {
		t, err = t.Funcs(p.funcs(texts)).ParseFS(p.files, "templates/"+name)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the page %s: %w", name, err)
	}
	s.ready[key] = t
	return t, nil
}
