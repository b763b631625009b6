package consentui

import "html/template"

// Passkey is what a script needs to ask the browser for a passkey.
type Passkey struct {
	// Options are what the browser is given, as JSON.
	Options string
	// Unknown is the id of a passkey that was offered and that nobody here has: the
	// browser is told, so that it does not offer it again.
	Unknown string
}

// App is an authenticator app that is about to be added.
type App struct {
	// Secret is for typing, URI for an app on the same device.
	Secret, URI string
	// QRSize and QRPath draw the QR code that says the URI.
	QRSize int
	QRPath string
}

// Href is the URI as a link. No script is in it.
func (a App) Href() template.URL { return template.URL(a.URI) } //nolint:gosec // made by us, its scheme is otpauth

// Factor asks for a second factor, with those that the person has.
type Factor struct {
	Step
	Person  Person
	Passkey *Passkey
	// App: a code of an authenticator app will do; Recovery: a recovery code.
	App, Recovery bool
	// Recovering: it was with a recovery code that there was a problem.
	Recovering bool
	// Problem is ProblemDenied or ProblemUnavailable.
	Problem Problem
}

// Enrol has somebody add the second factor that is demanded of them: an
// authenticator app or a passkey, whichever there is.
type Enrol struct {
	Step
	Person  Person
	App     *App
	Passkey *Passkey
	// Problem is ProblemDenied or ProblemUnavailable.
	Problem Problem
}

// RecoveryCodes shows recovery codes, once.
type RecoveryCodes struct {
	Step
	Codes []string
}

// PasskeyOffer offers whoever has signed in with a password to add a passkey.
type PasskeyOffer struct {
	Step
	Person  Person
	Passkey *Passkey
	// Problem is ProblemPasskey.
	Problem Problem
}

func (Factor) template() string        { return "factor.html" }
func (Enrol) template() string         { return "enrol.html" }
func (RecoveryCodes) template() string { return "recovery_codes.html" }
func (PasskeyOffer) template() string  { return "passkey_offer.html" }
