package consentui

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
)

// Mail is what a letter is about.
type Mail struct {
	// Kind is what it is for, as provider/mail names it.
	Kind string
	// Languages are those that the person understands, the best first.
	Languages []string
	// Name is the person's, "" if they are not known.
	Name string
	// Link is the address of a page of ours; Code is what may be typed instead.
	Link, Code string
	// App is the application that the person was on the way to.
	App string
	// Factor is "totp", "passkey" or "recovery_codes".
	Factor string
	// Device and Network are where it was asked for from.
	Device  Device
	Network string
	// At is when it was asked for or happened, ExpiresAt when the link is over.
	At, ExpiresAt time.Time
	// Due is when the account will be deleted.
	Due time.Time
}

// Device is a browser as people know it. Either part is "" if it is not known.
type Device struct{ Browser, System string }

// Letter is a mail in words. Link and Code are what it has of them.
type Letter struct{ Lang, Subject, Text, HTML, Link, Code string }

// letterTexts are the keys of what a kind of letter says.
type letterTexts struct {
	subject, lead string
	// button is what following the link does, "" if there is none. The link of what
	// is no request of the person's leads to their account.
	button string
	// stranger is what to do if it was somebody else.
	stranger string
	// once: the link, and the code, are good once and for a while.
	once bool
}

// letterKinds are the kinds of letters.
func letterKinds() map[string]letterTexts {
	return map[string]letterTexts{
		"confirm_sign_up": {
			"mail.confirmSignUpSubject", "mail.confirmSignUpLead", "mail.confirmButton", "mail.confirmSignUpStranger", true,
		},
		"already_signed_up": {
			"mail.alreadySignedUpSubject", "mail.alreadySignedUpLead", "mail.signInButton", "mail.nothingStranger", false,
		},
		"sign_in_link": {
			"mail.signInLinkSubject", "mail.signInLinkLead", "mail.signInButton", "mail.signInLinkStranger", true,
		},
		"reset_password": {
			"mail.resetPasswordSubject", "mail.resetPasswordLead", "mail.resetPasswordButton", "mail.resetPasswordStranger", true,
		},
		"verify_email": {
			"mail.verifyEmailSubject", "mail.verifyEmailLead", "mail.confirmButton", "mail.nothingStranger", true,
		},
		"email_changed": {
			"mail.emailChangedSubject", "mail.emailChangedLead", "", "mail.emailChangedStranger", false,
		},
		"password_changed": {
			"mail.passwordChangedSubject", "mail.passwordChangedLead", "mail.accountButton", "mail.changedStranger", false,
		},
		"new_device": {
			"mail.newDeviceSubject", "mail.newDeviceLead", "mail.accountButton", "mail.changedStranger", false,
		},
		"factor_added": {
			"mail.factorAddedSubject", "mail.factorAddedLead", "mail.accountButton", "mail.changedStranger", false,
		},
		"factor_removed": {
			"mail.factorRemovedSubject", "mail.factorRemovedLead", "mail.accountButton", "mail.changedStranger", false,
		},
		"deletion_planned": {
			"mail.deletionPlannedSubject", "mail.deletionPlannedLead", "mail.keepButton", "mail.changedStranger", false,
		},
	}
}

// letterView is what the templates of letters are executed with: all of it text.
type letterView struct {
	Lang, Dir, Name, Host            string
	Subject, Greeting, Lead          string
	Button, Link, LinkLead           string
	Code, CodeLead, Expiry           string
	Asked, Stranger, Footer, Binding string
}

// Letter writes the mail, in the language that suits the person best.
func (p *Pages) Letter(m Mail) (Letter, error) {
	templates, err := p.letters()
	if err != nil {
		return Letter{}, err
	}
	if keys := letterKinds()[m.Kind]; m.Link == "" && keys.button != "" && !keys.once {
		m.Link = p.origin + "/account"
	}
	w := letterWriter{texts: p.Texts(m.Languages...)}
	view := w.view(m, p.name, p.host)
	if w.err != nil {
		return Letter{}, fmt.Errorf("write the letter %s: %w", m.Kind, w.err)
	}
	var text, html bytes.Buffer
	if err := templates.text.Execute(&text, view); err != nil {
		return Letter{}, fmt.Errorf("write the letter %s: %w", m.Kind, err)
	}
	if err := templates.html.Execute(&html, view); err != nil {
		return Letter{}, fmt.Errorf("write the letter %s: %w", m.Kind, err)
	}
	return Letter{
		Lang: view.Lang, Subject: view.Subject, Text: text.String(), HTML: html.String(), Link: view.Link, Code: view.Code,
	}, nil
}

// letterWriter finds texts until one is missing.
type letterWriter struct {
	texts *Texts
	err   error
}

// text finds a text. From right to left, a value keeps to itself: else two that are
// written the other way would change places.
func (w *letterWriter) text(key string, pairs ...string) string {
	const isolate, end = "\u2068", "\u2069"
	pairs = slices.Clone(pairs)
	for i := 1; i < len(pairs) && w.texts.Dir == "rtl"; i += 2 {
		pairs[i] = isolate + pairs[i] + end
	}
	return w.keep(w.texts.Text(key, pairs...))
}

func (w *letterWriter) keep(text string, err error) string {
	if err != nil && w.err == nil {
		w.err = err
	}
	return text
}

func (w *letterWriter) view(m Mail, name, host string) letterView {
	keys, ok := letterKinds()[m.Kind]
	if !ok {
		w.err = fmt.Errorf("there is no such kind")
		return letterView{}
	}
	app := oneLine(m.App)
	if app == "" || looksLikeAddress(app) {
		app = w.text("app.unnamed")
	}
	about := []string{
		"name", name, "host", host, "app", app, "factor", w.factor(m.Factor), "date", w.texts.Date(m.Due),
	}
	v := letterView{
		Lang: w.texts.Lang, Dir: w.texts.Dir, Name: name, Host: host,
		Subject: oneLine(w.text(keys.subject, about...)), Greeting: w.greeting(m.Name),
		Lead: w.text(keys.lead, about...), Stranger: w.text(keys.stranger, about...),
		Asked: w.asked(m), Footer: w.text("mail.footer", about...),
	}
	if m.Link != "" && keys.button != "" {
		v.Link, v.Button, v.LinkLead = m.Link, w.text(keys.button), w.text("mail.link")
	}
	if m.Code != "" {
		v.Code, v.CodeLead = m.Code, w.text("mail.code")
		// https://wicg.github.io/sms-one-time-codes/: programs that fill in codes do
		// so at this host alone.
		bare, _, _ := strings.Cut(host, ":")
		v.Binding = "@" + bare + " #" + m.Code
	}
	if keys.once {
		v.Expiry = w.text("mail.expiry",
			"span", w.keep(w.texts.Span(m.ExpiresAt.Sub(m.At))), "time", w.texts.DateTime(m.ExpiresAt))
	}
	return v
}

// greeting names the person, unless what they call themselves could lead somewhere:
// anybody may write a name and somebody else's address into a form of ours, and mail
// programs make links of what looks like one.
func (w *letterWriter) greeting(name string) string {
	if name = oneLine(name); name == "" || looksLikeAddress(name) {
		return w.text("mail.hello")
	}
	return w.text("mail.helloName", "person", name)
}

func (w *letterWriter) factor(factor string) string {
	switch factor {
	case "totp":
		return w.text("mail.factorTotp")
	case "passkey":
		return w.text("mail.factorPasskey")
	case "recovery_codes":
		return w.text("mail.factorRecoveryCodes")
	default:
		return ""
	}
}

// asked says when and where it was asked for or happened.
func (w *letterWriter) asked(m Mail) string {
	at := w.texts.DateTime(m.At)
	if m.Device == (Device{}) && m.Network == "" {
		return w.text("mail.when", "time", at) // whoever runs the provider did it
	}
	device := w.keep(w.texts.Device(m.Device))
	if m.Network == "" {
		return w.text("mail.from", "time", at, "device", device)
	}
	return w.text("mail.fromNetwork", "time", at, "device", device, "network", oneLine(m.Network))
}

// Device names a browser.
func (t *Texts) Device(d Device) (string, error) {
	switch {
	case d.Browser != "" && d.System != "":
		return t.Text("device.both", "browser", d.Browser, "system", d.System)
	case d.Browser != "" || d.System != "":
		return d.Browser + d.System, nil
	default:
		return t.Text("device.unknown")
	}
}

var address = regexp.MustCompile(`[/:@\\]|\.\S`)

func looksLikeAddress(text string) bool { return address.MatchString(text) }

// maxWord is how much of what others write goes into a letter, in characters.
const maxWord = 80

// oneLine keeps what others write to one line, and from turning what is around it.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		default:
			return -1
		}
	}, text)
	letters := []rune(strings.Join(strings.Fields(text), " "))
	return string(letters[:min(len(letters), maxWord)])
}

// letters are the templates of letters.
type letters struct {
	html *template.Template
	text *texttemplate.Template
}

func loadLetters(files fs.FS) (*letters, error) {
	html, err := template.ParseFS(files, "templates/letter.html")
	if err != nil {
		return nil, fmt.Errorf("parse the letters: %w", err)
	}
	text, err := texttemplate.ParseFS(files, "templates/letter.txt")
	if err != nil {
		return nil, fmt.Errorf("parse the letters: %w", err)
	}
	return &letters{html, text}, nil
}
