package authapi

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/session"
	"github.com/gatelodge/gatelodge/storage"
)

// continuation is what a person has proved before the second factor: nothing of it is
// stored.
type continuation struct {
	User       string   `json:"u"`
	Identifier string   `json:"i"`
	AMR        []string `json:"a"`
	// Password is the [account.PasswordDigest].
	Password []byte    `json:"p"`
	At       time.Time `json:"t"`
	Remember bool      `json:"r,omitempty"`
}

// signIn serves POST /api/auth/sign-in.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, c *call) error {
	var form struct {
		Identifier string `json:"identifier"`
		Password   string `json:"password"`
		Remember   bool   `json:"remember"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	identifier, _ := account.Normalise(form.Identifier) // what is wrong with it is the authenticator's affair
	device := h.Cookies.Device(r, identifier)
	outcome, err := h.Authenticator.Authenticate(r.Context(), account.Login{
		Identifier: form.Identifier, Password: form.Password, Device: device.ID, DeviceUser: device.UserID,
		Network: c.from.Network, Sessions: h.Cookies.Browser(r).Sessions(),
	})
	if err != nil {
		return h.denied(r, err)
	}
	return h.enter(w, r, c, outcome, storage.Write{}, form.Remember)
}

func (h *Handler) denied(r *http.Request, err error) error {
	if errors.Is(err, account.ErrDenied) || errors.Is(err, factor.ErrWrong) {
		web.EventOf(r.Context()).Note = "sign-in denied"
	}
	return problem(err)
}

// enter signs in who has proved who they are, or tells what they have to prove yet.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request, c *call, o account.Outcome, write storage.Write, remember bool) error {
	if !o.User.DeletesAt.IsZero() {
		return problem(errPage)
	}
	if factor.Has(o.Factors) && !factor.Multi(o.AMR) {
		return h.askFactor(w, c, o, remember)
	}
	if !h.enough(c, o.AMR) {
		return problem(errPage)
	}
	s, err := h.begin(w, r, c, o, write, remember)
	if err != nil {
		return err
	}
	return web.JSON(w, map[string]any{"session": view(c.client, storage.SignedIn{Session: s, User: o.User})})
}

// enough: the client and the provider demand no better sign-in.
func (h *Handler) enough(c *call, amr []string) bool {
	least := claims.Level(c.client.Metadata.RequiredACR)
	if h.Factors.Required {
		least = max(least, claims.Level(claims.ACRMultiFactor))
	}
	return claims.Level(claims.ACR(amr)) >= least
}

// askFactor answers what the person has to prove yet. Passkeys are for the pages of
// the provider alone.
func (h *Handler) askFactor(w http.ResponseWriter, c *call, o account.Outcome, remember bool) error {
	factors := []string{}
	if o.Factors.TOTP != nil {
		factors = append(factors, "totp")
	}
	if o.Factors.RecoveryCodes > 0 {
		factors = append(factors, "recovery_code")
	}
	if len(factors) == 0 {
		return problem(errPage)
	}
	plain, err := json.Marshal(continuation{
		User: o.User.ID, Identifier: o.Identifier, AMR: o.AMR, Password: account.PasswordDigest(&o.User), At: h.Now(), Remember: remember,
	})
	if err != nil {
		return err
	}
	sealed := h.Continuations.Seal(plain, []byte(c.client.ID))
	return web.JSON(w, map[string]any{
		"second_factor": factors, "continuation": base64.RawURLEncoding.EncodeToString(sealed),
	})
}

// proveFactor serves POST /api/auth/sign-in/factor.
func (h *Handler) proveFactor(w http.ResponseWriter, r *http.Request, c *call) error {
	var form struct {
		Continuation string `json:"continuation"`
		Code         string `json:"code"`
		RecoveryCode string `json:"recovery_code"`
	}
	if err := c.read(&form); err != nil {
		return err
	}
	p, err := h.proof(c, form.Continuation)
	if err != nil {
		return problem(err)
	}
	device := h.Cookies.Device(r, p.Identifier)
	o, err := h.Authenticator.Recognise(r.Context(), storage.Attempt{
		UserID: p.User, Device: device.ID, DeviceUser: device.UserID, Network: c.from.Network,
		Sessions: h.Cookies.Browser(r).Sessions(),
	})
	if err != nil {
		return h.denied(r, err)
	}
	if subtle.ConstantTimeCompare(account.PasswordDigest(&o.User), p.Password) == 0 {
		return problem(errStale)
	}
	o.Identifier = p.Identifier
	var write storage.Write
	if form.RecoveryCode != "" {
		write.UseRecoveryCode, err = factor.CheckRecoveryCode(o.User.ID, form.RecoveryCode)
		write.Activity = []storage.Activity{account.Happened(o.User.ID, account.RecoveryCodeUsed, c.client.ID, c.from, h.Now())}
		o.AMR = factor.With(p.AMR, factor.Recovery)
	} else {
		write.UseTOTP, err = h.Factors.CheckTOTP(o.Factors.TOTP, form.Code)
		o.AMR = factor.With(p.AMR, factor.TOTP)
	}
	if err != nil {
		return h.denied(r, err)
	}
	return h.enter(w, r, c, o, write, p.Remember)
}

// proof opens a continuation.
func (h *Handler) proof(c *call, sealed string) (*continuation, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errStale
	}
	plain, err := h.Continuations.Open(decoded, []byte(c.client.ID))
	if err != nil {
		return nil, errStale
	}
	var p continuation
	if err := json.Unmarshal(plain, &p); err != nil || h.Now().Sub(p.At) > account.ProofLasts {
		return nil, errStale
	}
	return &p, nil
}

// begin begins a session, or proves the one anew that the person has in this browser,
// under a new token.
func (h *Handler) begin(
	w http.ResponseWriter, r *http.Request, c *call, o account.Outcome, write storage.Write, remember bool,
) (storage.Session, error) {
	now, token, browser := h.Now(), session.NewToken(), h.Cookies.Browser(r)
	s := storage.Session{
		ID: rand.Text(), Hash: token.Hash(), UserID: o.User.ID, AuthTime: now, AMR: o.AMR, Remembered: remember,
		UserAgent: c.from.UserAgent, Network: c.from.Network, CreatedAt: now, ExpiresAt: now.Add(h.BrowserSessionLifetime),
	}
	if remember {
		s.ExpiresAt = now.Add(h.SessionLifetime)
	}
	var replaced storage.Hash
	if i := slices.IndexFunc(o.Sessions, func(p storage.SignedIn) bool { return p.User.ID == o.User.ID }); i >= 0 {
		s.ID, s.CreatedAt, replaced = o.Sessions[i].Session.ID, o.Sessions[i].Session.CreatedAt, o.Sessions[i].Session.Hash
	}
	write.Key, write.Now, write.Session, write.Succeeded = rand.Text(), now, &s, o.Succeeded
	write.Verified = &storage.Verified{UserID: o.User.ID, PasswordHash: o.User.PasswordHash}
	account.Entry{
		User: &o.User, KnownDevice: h.Cookies.Knows(r, o.User.ID), From: c.from, Language: h.Language(r),
		ClientID: c.client.ID, App: c.client.Metadata.ClientName,
	}.Note(&write, h.Notices)
	if err := h.Store.Apply(r.Context(), write); err != nil {
		if (write.UseTOTP != nil || write.UseRecoveryCode != nil) && errors.Is(err, storage.ErrSpent) {
			err = factor.ErrWrong // used before, like any wrong one
		}
		return s, h.denied(r, err)
	}
	browser.Add(token, remember, replaced)
	browser.Save(w)
	h.endPushedOut(r, browser.PushedOut(o.Sessions, s.ID))
	h.Cookies.RememberDevice(w, r, session.Person{UserID: o.User.ID, Identifier: o.Identifier, Name: o.User.Claims.Name}, remember)
	event := web.EventOf(r.Context())
	event.Note, event.Subject = "signed in", o.User.ID
	if o.NotUpgraded != nil {
		event.Trouble = o.NotUpgraded
	}
	return s, nil
}

// endPushedOut ends the sessions that had to make room: nobody could end them any more.
func (h *Handler) endPushedOut(r *http.Request, ids []string) {
	if len(ids) == 0 {
		return
	}
	if _, err := h.Store.EndSessions(r.Context(), ids, h.Now()); err != nil {
		web.EventOf(r.Context()).Trouble = err
	}
}

// person is who is signed in in the browser, the one who was here last; errNobody if
// nobody is.
func (h *Handler) person(r *http.Request) (*storage.SignedIn, error) {
	sessions := h.Cookies.Browser(r).Sessions()
	if len(sessions) == 0 {
		return nil, problem(errNobody)
	}
	state, err := h.Directory.Read(r.Context(), storage.Wanted{Now: h.Now(), Sessions: sessions})
	if err != nil {
		return nil, oauth.Unavailable(err)
	}
	if len(state.Sessions) == 0 {
		return nil, problem(errNobody)
	}
	return &state.Sessions[0], nil
}

// view is a session as the application sees it: the person by the sub that it knows.
func view(c *storage.Client, who storage.SignedIn) map[string]any {
	return map[string]any{
		"sub": client.Subject(c, &who.User), "name": who.User.Claims.Name, "email": who.User.Claims.Email,
		"email_verified": who.User.Claims.EmailVerified, "auth_time": who.Session.AuthTime.Unix(),
		"amr": who.Session.AMR, "acr": claims.ACR(who.Session.AMR), "expires_at": who.Session.ExpiresAt.Unix(),
	}
}
