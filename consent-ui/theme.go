package consentui

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Theme is what the pages look like where they do not look like ours. All of it may
// be left out.
type Theme struct {
	// Brand is the colour of buttons, #rrggbb, and BrandText what is written on it;
	// without it, black or white, whichever can be read better.
	Brand     string `json:"brand,omitempty"`
	BrandText string `json:"brand_text,omitempty"`
	// BrandDark and BrandDarkText are those in the dark; without them, Brand, as
	// much lighter as it needs to be.
	BrandDark     string `json:"brand_dark,omitempty"`
	BrandDarkText string `json:"brand_dark_text,omitempty"`
	// Radius is of corners: 0, or a number of px or rem.
	Radius string `json:"radius,omitempty"`
	// Font is a list of fonts that the devices of people have.
	Font string `json:"font,omitempty"`
}

// ThemeFault is a value of a [Theme] that could be anything but what it should be.
type ThemeFault struct {
	// Member is its name, Value what it is, and Problem what is wrong with it.
	Member, Value, Problem string
}

var (
	colourForm = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
	radiusForm = regexp.MustCompile(`^(0|[0-9]{1,2}(\.[0-9]{1,4})?(px|rem))$`)
	fontForm   = regexp.MustCompile(`^` + font + `(, ?` + font + `){0,19}$`)
)

const font = `("[A-Za-z0-9][A-Za-z0-9 -]{0,48}"|[A-Za-z][A-Za-z0-9-]{0,48})`

// Faults returns what is wrong with the theme. One without any is good CSS, whoever
// wrote it.
func (t Theme) Faults() []ThemeFault {
	var faults []ThemeFault
	for _, check := range []struct {
		member, value string
		form          *regexp.Regexp
		problem       string
	}{
		{"brand", t.Brand, colourForm, "must be a colour such as #1d4ed8"},
		{"brand_text", t.BrandText, colourForm, "must be a colour such as #ffffff"},
		{"brand_dark", t.BrandDark, colourForm, "must be a colour such as #93c5fd"},
		{"brand_dark_text", t.BrandDarkText, colourForm, "must be a colour such as #09090b"},
		{"radius", t.Radius, radiusForm, "must be 0, or a number of px or rem such as 0.5rem"},
		{"font", t.Font, fontForm, "must be names of fonts separated by commas, in double quotes if they have spaces"},
	} {
		if check.value != "" && !check.form.MatchString(check.value) {
			faults = append(faults, ThemeFault{check.member, check.value, check.problem})
		}
	}
	if t.Brand == "" && (t.BrandText != "" || t.BrandDark != "" || t.BrandDarkText != "") {
		faults = append(faults, ThemeFault{"brand", "", "is missing beside the colours that go with it"})
	}
	return faults
}

// What is written needs a contrast of 4.5 to be read, and what can be clicked one of 3
// to be seen, WCAG 2.2 SC 1.4.3 and SC 1.4.11.
const (
	readable = 4.5
	visible  = 3
)

// The cards that buttons lie on, as in style.css.
const (
	lightCard = "#ffffff"
	darkCard  = "#151518"
)

// Warnings says which colours of a theme without faults people could not read or see.
func (t Theme) Warnings() []string {
	if t.Brand == "" {
		return nil
	}
	var warnings []string
	warn := func(text, ground, name string, least float64) {
		if got := Contrast(text, ground); got < least {
			warnings = append(warnings, fmt.Sprintf("the contrast of %s is %.2f:1, people need at least %.1f:1", name, got, least))
		}
	}
	light, dark := t.colours()
	warn(light.text, light.ground, "brand_text on brand", readable)
	warn(light.ground, lightCard, "brand on the page", visible)
	warn(dark.text, dark.ground, "brand_dark_text on brand_dark", readable)
	warn(dark.ground, darkCard, "brand_dark on the page in the dark", visible)
	return warnings
}

// button is the colours of a button.
type button struct{ ground, text string }

func (t Theme) colours() (light, dark button) {
	light = button{t.Brand, t.BrandText}
	if light.text == "" {
		light.text = readableOn(light.ground)
	}
	dark = button{t.BrandDark, t.BrandDarkText}
	if dark.ground == "" {
		dark.ground = lighter(t.Brand)
	}
	if dark.text == "" {
		dark.text = readableOn(dark.ground)
	}
	return light, dark
}

// readableOn is black or white, which of the two reads better on the colour.
func readableOn(ground string) string {
	const black, white = "#000000", "#ffffff"
	if Contrast(black, ground) > Contrast(white, ground) {
		return black
	}
	return white
}

// lighter is the colour with as much white in it as it needs to be seen in the dark.
func lighter(colour string) string {
	for share := 0.0; share < 1; share += 0.1 {
		if mixed := mix(colour, "#ffffff", share); Contrast(mixed, darkCard) >= visible {
			return mixed
		}
	}
	return "#ffffff"
}

// mix returns the colour with a share of the other.
func mix(colour, other string, share float64) string {
	a, b := channels(colour), channels(other)
	var mixed [3]int
	for i := range a {
		mixed[i] = int(math.Round(a[i]*(1-share) + b[i]*share))
	}
	return fmt.Sprintf("#%02x%02x%02x", mixed[0], mixed[1], mixed[2])
}

// Contrast is the [contrast ratio] of two colours, #rrggbb.
//
// [contrast ratio]: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func Contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(colour string) float64 {
	c := channels(colour)
	for i := range c {
		if c[i] /= 255; c[i] <= 0.04045 {
			c[i] /= 12.92
		} else {
			c[i] = math.Pow((c[i]+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

// channels are red, green and blue, black for what is no colour.
func channels(colour string) [3]float64 {
	number, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 24)
	if err != nil {
		return [3]float64{}
	}
	return [3]float64{float64(number >> 16), float64(number >> 8 & 0xff), float64(number & 0xff)}
}

// css is the style sheet of a theme without faults, to follow ours.
func (t Theme) css() string {
	if t == (Theme{}) {
		return ""
	}
	var shape, light, dark string
	if t.Radius != "" {
		shape += "--radius:" + t.Radius + ";"
	}
	if t.Font != "" {
		shape += "--font:" + t.Font + ";"
	}
	if t.Brand != "" {
		l, d := t.colours()
		light, dark = l.css(), d.css()
	}
	css := ":root{" + shape + light + "}\n"
	if dark != "" {
		css += "@media (prefers-color-scheme:dark){:root:not([data-theme=\"light\"]){" + dark + "}}\n" +
			":root[data-theme=\"dark\"]{" + dark + "}\n"
	}
	return css
}

func (b button) css() string {
	return "--primary:" + b.ground + ";--primary-hover:" + mix(b.ground, b.text, 0.12) + ";--primary-foreground:" + b.text + ";"
}

// ThemePath is where the themes of applications are served.
const ThemePath = "/theme/"

// path is where a theme is served: under an address that says all of it, so that
// nothing has to be looked up. It is "" for a theme that has nothing in it.
func (t Theme) path() string {
	if t == (Theme{}) {
		return ""
	}
	body, err := json.Marshal(t)
	if err != nil {
		return "" // a struct of strings
	}
	return ThemePath + base64.RawURLEncoding.EncodeToString(body) + ".css"
}

// maxThemePath is more than any theme needs.
const maxThemePath = 4096

// ServeTheme serves the theme of an application below [ThemePath]. Whatever address
// somebody makes up, it is one that has no faults or there is none.
func (p *Pages) ServeTheme(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutPrefix(r.URL.Path, ThemePath)
	name, isCSS := strings.CutSuffix(name, ".css")
	body, err := base64.RawURLEncoding.DecodeString(name)
	var t Theme
	if !found || !isCSS || len(name) > maxThemePath || err != nil || json.Unmarshal(body, &t) != nil || len(t.Faults()) > 0 {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(t.css())) // the browser has gone: nothing to be done
}

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
