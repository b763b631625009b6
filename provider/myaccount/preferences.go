package myaccount

import (
	"net/http"
	"slices"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/storage"
)

// preferences serves GET /account/preferences.
func (h *Handler) preferences(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.form.Has("account") {
		v.form.Set("language", v.who.User.Claims.Locale)
		v.form.Set("theme", v.who.User.Preferences.Theme)
	}
	return h.Pages.Render(w, r, http.StatusOK, h.preferencesAgain(w, r, v))
}

func (h *Handler) preferencesAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	return consentui.AccountPreferences{Mine: v.mine(), Language: v.form.Get("language"), Theme: v.form.Get("theme")}
}

// changePreferences serves POST /account/preferences. What is not one of the choices
// of the page goes by the browser.
func (h *Handler) changePreferences(w http.ResponseWriter, r *http.Request, v *visit) error {
	claims, preferences := v.who.User.Claims, v.who.User.Preferences
	if claims.Locale = v.form.Get("language"); !slices.ContainsFunc(h.Pages.Languages(), func(t *consentui.Texts) bool { return t.Lang == claims.Locale }) {
		claims.Locale = ""
	}
	if preferences.Theme = v.form.Get("theme"); !slices.Contains(consentui.Themes(), preferences.Theme) {
		preferences.Theme = ""
	}
	write := h.write(r, v, "", "") // nothing that anybody has to know of
	write.Verified.UpdatedAt = v.who.User.UpdatedAt
	write.Change = &storage.UserChange{UserID: v.who.User.ID, Claims: &claims, Preferences: &preferences}
	if err := h.apply(r, write); err != nil {
		return err
	}
	if !h.Pages.RememberLanguage(w, claims.Locale) {
		h.Pages.ForgetLanguage(w)
	}
	h.Pages.RememberTheme(w, preferences.Theme)
	return h.back(w, r, v, pathPreferences, consentui.DonePreferences)
}
