package consentui

import (
	"net/http"
	"slices"
)

// themeCookie remembers whether somebody likes it light or dark.
const themeCookie = "gatelodge-theme"

// Themes are what somebody can choose from; "" is what their device is set to.
func Themes() []string { return []string{"", "light", "dark"} }

// RememberTheme has the browser remember the theme, if it is one of [Themes], and
// reports whether it is.
func (p *Pages) RememberTheme(w http.ResponseWriter, theme string) bool {
	if !slices.Contains(Themes(), theme) {
		return false
	}
	p.remember(w, themeCookie, theme)
	return true
}

// theme is what the person has chosen.
func (p *Pages) theme(r *http.Request) string {
	theme := p.preference(r, themeCookie)
	if !slices.Contains(Themes(), theme) {
		return ""
	}
	return theme
}
