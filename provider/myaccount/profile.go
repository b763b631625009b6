package myaccount

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/storage"
)

// zoneNames are those of the time zone database that stand for a place.
//
//go:embed zones.txt
var zoneNames string

func zones() []string { return strings.Fields(zoneNames) }

// profile serves GET /account/profile.
func (h *Handler) profile(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.form.Has("account") { // nothing was entered before
		c := v.who.User.Claims
		v.form.Set("name", c.Name)
		v.form.Set("given_name", c.GivenName)
		v.form.Set("family_name", c.FamilyName)
		v.form.Set("nickname", c.Nickname)
		v.form.Set("zoneinfo", c.Zoneinfo)
	}
	return h.Pages.Render(w, r, http.StatusOK, h.profileAgain(w, r, v))
}

// profileAgain is the page with what was entered.
func (h *Handler) profileAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	page := consentui.AccountProfile{
		Mine: v.mine(), Name: v.form.Get("name"), GivenName: v.form.Get("given_name"),
		FamilyName: v.form.Get("family_name"), Nickname: v.form.Get("nickname"),
		Zone: v.form.Get("zoneinfo"), Zones: zones(),
	}
	if v.who != nil && v.who.User.Claims.Zoneinfo != "" && !slices.Contains(page.Zones, v.who.User.Claims.Zoneinfo) {
		page.Zones = append(page.Zones, v.who.User.Claims.Zoneinfo) // that an operator has set
	}
	return page
}

// changeProfile serves POST /account/profile.
func (h *Handler) changeProfile(w http.ResponseWriter, r *http.Request, v *visit) error {
	changed := v.who.User.Claims
	for _, field := range []struct {
		name    string
		claim   *string
		problem consentui.Problem
	}{
		{"name", &changed.Name, consentui.ProblemName},
		{"given_name", &changed.GivenName, consentui.ProblemGivenName},
		{"family_name", &changed.FamilyName, consentui.ProblemFamilyName},
		{"nickname", &changed.Nickname, consentui.ProblemNickname},
	} {
		entered, err := account.Name(v.form.Get(field.name))
		if err != nil {
			return refusal{field.problem}
		}
		*field.claim = entered
	}
	if changed.Name == "" {
		return refusal{consentui.ProblemName}
	}
	if zone := v.form.Get("zoneinfo"); zone != changed.Zoneinfo {
		if zone != "" && !slices.Contains(zones(), zone) {
			return refusal{consentui.ProblemZone}
		}
		changed.Zoneinfo = zone
	}
	write := h.write(r, v, account.ProfileChanged, "")
	write.Verified.UpdatedAt = v.who.User.UpdatedAt
	write.Change = &storage.UserChange{UserID: v.who.User.ID, Claims: &changed}
	if err := h.apply(r, write); err != nil {
		return err
	}
	return h.back(w, r, v, pathProfile, consentui.DoneProfile)
}
