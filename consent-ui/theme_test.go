package consentui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThemeIsTheOneChosen(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for chosen, want := range map[string]string{
		"dark":    `<html lang="en" dir="ltr" data-theme="dark">`,
		"light":   `<html lang="en" dir="ltr" data-theme="light">`,
		"":        `<html lang="en" dir="ltr">`,
		`x" y="z`: `<html lang="en" dir="ltr">`,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		if p.RememberTheme(w, chosen) != !strings.Contains(chosen, "x") {
			t.Errorf("%q: remembered, or not", chosen)
		}
		r.AddCookie(&http.Cookie{Name: "__Host-gatelodge-theme", Value: chosen})
		w = httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, Home{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: not %s", chosen, want)
		}
	}
}

// Whoever goes back to what the device is set to has no cookie any more.
func TestDeviceThemeIsNoCookie(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newPages(t).RememberTheme(w, "")
	if cookie := w.Result().Cookies()[0]; cookie.MaxAge >= 0 {
		t.Errorf("it is kept for %d seconds", cookie.MaxAge)
	}
}
