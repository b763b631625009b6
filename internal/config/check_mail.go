package config

import (
	"net/mail"
	"net/url"
	"strconv"
)

// Mail is how mails leave.
type Mail struct {
	// URL is the mail server's: smtp:// or smtps://, with user and password if it
	// wants them. Without it there is no mail.
	URL Secret `yaml:"url"`
	// From is whom mails are from: an address, or a name and an address.
	From string `yaml:"from"`
}

// Offered tells whether people can be sent mails.
func (m Mail) Offered(mode Mode) bool { return m.URL != "" || mode == Dev }

// checkMail never shows the URL: it has a password in it.
func (c *Config) checkMail(mode Mode) {
	m := c.Mail
	c.require(m.URL == "" || isMailServer(string(m.URL)), "mail.url",
		"must be smtp://user:password@host or smtps://user:password@host, with a :port if it is not 587 or 465")
	_, err := mail.ParseAddress(m.From)
	c.require(m.From == "" || err == nil, "mail.from",
		`must be an address, such as "Gatelodge <login@example.com>", is %q`, m.From)
	c.require(m.URL == "" || m.From != "", "mail.from", "goes with mail.url: name the address that mails are from")
	if mode != Admin {
		c.require(!c.Accounts.SignUp || m.Offered(mode), "accounts.sign_up",
			"needs mail, by which people prove that their address is theirs: set mail.url, in the environment %s",
			variable("mail.url"))
	}
}

func isMailServer(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	return (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}
