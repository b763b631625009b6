package consentui

import (
	"net/url"
	"time"
)

// DevMailPath is where the mails of a development server are.
const DevMailPath = "/dev/mail"

// DevInbox shows developers the mails that have been sent, the latest first.
type DevInbox struct{ Mails []DevMail }

// DevMail shows developers one mail. Its HTML is a document of its own, in a frame
// in which nothing runs.
type DevMail struct {
	ID, From, To, Subject, Text string
	Links                       []string
	Code                        string
	At                          time.Time
}

func devPages() []Page { return []Page{DevInbox{}, DevMail{}} }

func (DevInbox) template() string { return "dev_inbox.html" }
func (DevMail) template() string  { return "dev_mail.html" }

func (DevInbox) leadsTo() string { return "" }
func (DevMail) leadsTo() string  { return "" }

// Path is where the mail is shown.
func (m DevMail) Path() string { return DevMailPath + "/" + url.PathEscape(m.ID) }

// Frame is where its HTML is.
func (m DevMail) Frame() string { return m.Path() + "/html" }
