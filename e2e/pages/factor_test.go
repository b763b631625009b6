package pages

import (
	"context"
	"encoding/base32"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/gatelodge/gatelodge/internal/browsertest"
	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/providertest"
)

// device is the authenticator that is built into the browser's device.
type device struct {
	e  *eye
	id webauthn.AuthenticatorID
}

// newDevice gives the browser one. Its owner is not there until they touch it.
func newDevice(e *eye) *device {
	e.Helper()
	browsertest.Command(e.Tab, webauthn.Enable, webauthn.EnableParams{})
	added := browsertest.Act(e.Tab, func(ctx context.Context, t *chromedp.Target) (webauthn.AddVirtualAuthenticatorResult, error) {
		return cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
				DefaultBackupEligibility: true, DefaultBackupState: true,
			},
		})
	})
	d := &device{e, added.AuthenticatorID}
	d.touched(false)
	return d
}

// touched says whether its owner answers when they are asked.
func (d *device) touched(yes bool) {
	d.e.Helper()
	browsertest.Command(d.e.Tab, webauthn.SetAutomaticPresenceSimulation,
		webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: d.id, Enabled: yes})
}

// forgetCookies makes the browser one that nobody has signed in with.
func (e *eye) forgetCookies() {
	e.Helper()
	browsertest.Command(e.Tab, network.ClearBrowserCookies, cdp.Empty{})
}

const passkeyButton = "form[data-passkey] [data-passkey-button]"

// Somebody is offered a passkey when they sign in with a password, adds one, and
// signs in with it: among the suggestions of the field, by the button, and after the
// password.
func TestPasskey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := newEye(t, true)
	somebody, d := w.person(t), newDevice(e)

	e.Open(w.request())
	browsertest.Act(e.Tab, chromedp.Poll[bool](`document.querySelector("[data-passkeys]").value === "yes"`))
	e.look("login-passkey")
	e.enter("username", somebody, "password", providertest.Password)
	e.Press("main form.fields button[type=submit]")
	e.look("passkey-offer")
	d.touched(true)
	e.Press(passkeyButton)
	e.look("recovery-codes")
	e.Press("main form.fields button[type=submit]")
	e.Click("button[value=allow]")
	w.arrives(e, "signed in")

	e.forgetCookies()
	e.Open(w.request()) // and the passkey is chosen from the suggestions
	w.arrives(e, "signed in")

	e.forgetCookies()
	d.touched(false)
	e.Open(w.request())
	e.Do(chromedp.WaitVisible(chromedp.CSS(passkeyButton)))
	e.Click(passkeyButton)
	d.touched(true)
	w.arrives(e, "signed in")

	e.forgetCookies()
	d.touched(false)
	e.Open(w.request())
	e.enter("username", somebody, "password", providertest.Password)
	e.Press("main form.fields button[type=submit]")
	e.look("factor-passkey")
	d.touched(true)
	e.Click(passkeyButton)
	w.arrives(e, "signed in")
}

// Where everybody needs a second factor, somebody adds an authenticator app, saves the
// recovery codes, and the next time needs one or the other.
func TestAuthenticatorApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.Accounts.SecondFactor = "required" })
	withAndWithoutScripts(t, func(t *testing.T, e *eye) {
		somebody := w.person(t)
		signIn := func() {
			e.Open(w.request())
			e.enter("username", somebody, "password", providertest.Password)
			e.Press("main form.fields button[type=submit]")
		}
		signIn()
		e.look("enrol")
		e.shows("Scan this QR code")
		app := &providertest.App{Secret: secretOn(e)}
		e.enter("code", "000000")
		e.Press("form:has(#code) button[type=submit]")
		e.look("enrol-denied")
		e.enter("code", app.Code(w.Clock.Now()))
		e.Press("form:has(#code) button[type=submit]")
		e.look("recovery-codes")
		code := e.Text(".codes li code")
		e.Press("main form.fields button[type=submit]")
		e.Click("button[value=allow]")
		w.arrives(e, "signed in")

		e.forgetCookies()
		signIn()
		e.look("factor")
		if e.scripts { // it is sent as soon as it is complete
			e.Follow(chromedp.SendKeys(chromedp.CSS("#code"), "000 000"))
		} else {
			e.enter("code", "000000")
			e.Press("form:has(#code) button[type=submit]")
		}
		e.look("factor-denied")
		e.Click("summary:has(+ form #recovery_code)")
		e.look("factor-recovery")
		e.enter("recovery_code", strings.ToLower(code))
		e.Click("form:has(#recovery_code) button[type=submit]")
		w.arrives(e, "signed in")
	})
}

// secretOn is the secret that the page shows for typing.
func secretOn(e *eye) []byte {
	e.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(e.Text("#totp-secret"), " ", ""))
	if err != nil {
		e.Fatal(err)
	}
	return secret
}
