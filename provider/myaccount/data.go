package myaccount

import (
	"encoding/json"
	"net/http"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// data serves GET /account/data.
func (h *Handler) data(w http.ResponseWriter, r *http.Request, v *visit) error {
	return h.Pages.Render(w, r, http.StatusOK, h.dataAgain(w, r, v))
}

func (h *Handler) dataAgain(w http.ResponseWriter, r *http.Request, v *visit) consentui.Page {
	return consentui.AccountData{Mine: v.mine()}
}

// known is all that we know of a person, but for what is secret.
type known struct {
	ExportedAt   time.Time           `json:"exported_at"`
	Subject      string              `json:"sub"`
	Identifiers  []string            `json:"identifiers"`
	Claims       storage.Claims      `json:"claims"`
	Preferences  storage.Preferences `json:"preferences"`
	CreatedAt    time.Time           `json:"created_at"`
	UpdatedAt    time.Time           `json:"updated_at"`
	HasPassword  bool                `json:"has_password"`
	TOTPSince    *time.Time          `json:"authenticator_app_since,omitempty"`
	Recovery     int                 `json:"recovery_codes_left"`
	Passkeys     []knownPasskey      `json:"passkeys"`
	Sessions     []knownSession      `json:"sessions"`
	Applications []knownApplication  `json:"applications"`
	Activity     []knownEvent        `json:"activity"`
}

type knownPasskey struct {
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	BackedUp   bool       `json:"backed_up"`
}

type knownSession struct {
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	UserAgent  string    `json:"user_agent,omitempty"`
	Network    string    `json:"network,omitempty"`
}

type knownApplication struct {
	ClientID   string    `json:"client_id"`
	Name       string    `json:"name,omitempty"`
	Scopes     []string  `json:"scopes"`
	Since      time.Time `json:"since"`
	LastUsedAt time.Time `json:"last_used_at"`
}

type knownEvent struct {
	At        time.Time `json:"at"`
	Event     string    `json:"event"`
	ClientID  string    `json:"client_id,omitempty"`
	Network   string    `json:"network,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// download serves POST /account/data/download.
func (h *Handler) download(w http.ResponseWriter, r *http.Request, v *visit) error {
	everything, err := h.everything(r, v)
	if err != nil {
		return oauth.Unavailable(err)
	}
	body, err := json.MarshalIndent(everything, "", "  ")
	if err != nil {
		return err
	}
	if err := h.apply(r, h.write(r, v, account.DataDownloaded, "")); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Disposition", `attachment; filename="account.json"`)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(body)
	return err
}

// everything collects it, which takes a round trip for each kind.
func (h *Handler) everything(r *http.Request, v *visit) (known, error) {
	user, ctx := v.who.User, r.Context()
	k := known{
		ExportedAt: h.Now(), Subject: user.ID, Identifiers: user.Identifiers, Claims: user.Claims,
		Preferences: user.Preferences, CreatedAt: user.CreatedAt, UpdatedAt: user.UpdatedAt,
		HasPassword: user.PasswordHash != "",
		Passkeys:    []knownPasskey{}, Sessions: []knownSession{}, Applications: []knownApplication{}, Activity: []knownEvent{},
	}
	factors, err := h.Store.FindFactors(ctx, user.ID)
	if err != nil {
		return known{}, err
	}
	k.Recovery = factors.RecoveryCodes
	if factors.TOTP != nil {
		k.TOTPSince = &factors.TOTP.CreatedAt
	}
	for _, p := range factors.Passkeys {
		k.Passkeys = append(k.Passkeys, knownPasskey{p.Name, p.CreatedAt, unlessZero(p.LastUsedAt), p.BackedUp})
	}
	sessions, err := h.Store.ListSessions(ctx, user.ID, h.Now())
	if err != nil {
		return known{}, err
	}
	for _, s := range sessions {
		k.Sessions = append(k.Sessions, knownSession{s.CreatedAt, s.LastSeenAt, s.ExpiresAt, s.UserAgent, s.Network})
	}
	connections, err := h.Store.ListConnections(ctx, user.ID, h.Now())
	if err != nil {
		return known{}, err
	}
	for _, c := range connections {
		k.Applications = append(k.Applications, knownApplication{
			c.Client.ID, c.Client.Metadata.ClientName, c.Scopes, c.Since, c.LastUsedAt,
		})
	}
	k.Activity, err = h.allActivity(r, user.ID)
	return k, err
}

// maxExported bounds what is read of the activity.
const maxExported = 10_000

func (h *Handler) allActivity(r *http.Request, userID string) ([]knownEvent, error) {
	found, err := h.Store.ListActivity(r.Context(), userID, h.Now().Add(time.Second), maxExported)
	if err != nil {
		return nil, err
	}
	events := make([]knownEvent, 0, len(found))
	for _, a := range found {
		events = append(events, knownEvent{a.At, a.Event, a.ClientID, a.Network, a.UserAgent})
	}
	return events, nil
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
