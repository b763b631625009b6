package consentui

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// WCAG 2.2 SC 1.4.3 (text, 4.5:1) and SC 1.4.11 (the borders of controls and
// the focus ring, 3:1), in light and in dark.
func TestColoursContrast(t *testing.T) {
	t.Parallel()
	css, err := files.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "\n}\n")
	for theme, tokens := range map[string]map[string]string{"light": tokensOf(light), "dark": tokensOf(dark)} {
		for _, pair := range []struct {
			on, over string
			least    float64
		}{
			{"foreground", "background", 4.5},
			{"foreground", "card", 4.5},
			{"foreground", "muted", 4.5},
			{"muted-foreground", "background", 4.5},
			{"muted-foreground", "card", 4.5},
			{"primary-foreground", "primary", 4.5},
			{"primary-foreground", "primary-hover", 4.5},
			{"destructive", "destructive-muted", 4.5},
			{"destructive", "card", 4.5},
			{"card", "destructive", 4.5},
			{"success", "success-muted", 4.5},
			{"foreground", "success-muted", 4.5},
			{"input", "card", 3},
			{"input", "muted", 3},
			{"ring", "card", 3},
			{"ring", "background", 3},
			{"primary", "card", 3},
		} {
			got := Contrast(tokens[pair.on], tokens[pair.over])
			if got < pair.least {
				t.Errorf("%s: %s on %s is %.2f:1, want %.1f:1", theme, pair.on, pair.over, got, pair.least)
			}
		}
	}
}

// Who chooses dark gets the same dark as who has a dark device.
func TestChosenDarkIsTheDevicesDark(t *testing.T) {
	t.Parallel()
	css, err := files.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	device, rest, _ := strings.Cut(rest, "\n}\n")
	_, rest, _ = strings.Cut(rest, `:root[data-theme="dark"] {`)
	chosen, _, _ := strings.Cut(rest, "\n}\n")
	if diff := cmp.Diff(tokensOf(device), tokensOf(chosen)); diff != "" || len(tokensOf(chosen)) == 0 {
		t.Errorf("(-device +chosen):\n%s", diff)
	}
}

func tokensOf(css string) map[string]string {
	tokens := map[string]string{}
	for _, match := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		tokens[match[1]] = match[2]
	}
	return tokens
}
