package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/secret"
)

// check finds the settings that are wrong by themselves or for the mode.
func (c *Config) check(mode Mode) {
	if mode != Admin {
		c.checkIssuer()
		c.checkSecurityContact()
		c.require(c.Secret != "", "secret", "is missing, set %s to at least %d random bytes,"+
			" such as the output of: openssl rand -base64 32", variable("secret"), secret.MinLength)
	}
	c.checkSecrets()
	c.checkAddrs()
	c.checkDatabase()
	if mode == Dev {
		c.checkDevDatabase()
	}
	c.checkLifetimes()
	c.checkKeys()
	c.checkPassword()
	c.checkAccounts()
	c.checkMail(mode)
	c.checkRegistration()
	c.require(slices.Contains([]string{"one_page", "identifier_first"}, c.Accounts.SignIn), "accounts.sign_in",
		"must be one_page or identifier_first, is %q", c.Accounts.SignIn)
	c.require(slices.Contains([]string{"optional", "required"}, c.Accounts.SecondFactor), "accounts.second_factor",
		"must be optional or required, is %q", c.Accounts.SecondFactor)
	c.checkTheme()
	c.checkOutbound()
	c.require(slices.Contains([]string{"json", "text"}, c.Log.Format), "log.format",
		"must be json or text, is %q", c.Log.Format)
}

func (c *Config) checkIssuer() {
	if c.Issuer == "" {
		c.require(false, "issuer", "is missing, set %s to the URL that browsers reach the provider at,"+
			" such as https://login.example.com", variable("issuer"))
		return
	}
	u, err := url.Parse(c.Issuer)
	// Clients compare issuers byte by byte, so there is one way to write one.
	plain := err == nil && u.Host != "" && c.Issuer == u.Scheme+"://"+strings.ToLower(u.Host)
	c.require(plain && (u.Scheme == "https" || u.Scheme == "http"), "issuer",
		"must be https://host or https://host:port, in lower case and nothing after it, is %q", c.Issuer)
	if plain && u.Scheme == "http" {
		c.require(isLoopback(u.Hostname()), "issuer",
			"must be https, http is for localhost only, is %q", c.Issuer)
	}
}

// checkSecurityContact is RFC 9116 §2.5.3.
func (c *Config) checkSecurityContact() {
	u, err := url.Parse(c.SecurityContact)
	uri := err == nil && slices.Contains([]string{"mailto", "https", "tel"}, u.Scheme) && !strings.ContainsAny(c.SecurityContact, " \r\n")
	c.require(c.SecurityContact == "" || uri, "security_contact",
		"must be a URI, such as mailto:security@example.com or https://example.com/security, is %q", c.SecurityContact)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *Config) checkAccounts() {
	fresh, grace := c.Accounts.FreshFor, c.Accounts.DeletionGrace
	c.require(fresh >= time.Minute && fresh%time.Second == 0, "accounts.fresh_for",
		"must be whole seconds, at least 1m, is %s", fresh)
	c.require(grace >= 0, "accounts.deletion_grace", "must not be negative, is %s", grace)
}

func (c *Config) checkSecrets() {
	const short = "must have at least %d bytes, has %d"
	if c.Secret != "" {
		c.require(len(c.Secret) >= secret.MinLength, "secret", short, secret.MinLength, len(c.Secret))
	}
	for i, s := range c.PreviousSecrets {
		c.require(len(s) >= secret.MinLength, "previous_secrets",
			"number %d "+short, i+1, secret.MinLength, len(s))
	}
}

func (c *Config) checkAddrs() {
	c.checkAddr("http.addr", c.HTTP.Addr)
	c.checkAddr("ops.addr", c.Ops.Addr)
	c.require((c.HTTP.TLSCertificate == "") == (c.HTTP.TLSKey == ""), "http.tls_key",
		"goes with http.tls_certificate, and that with it")
	c.require(c.HTTP.Addr != c.Ops.Addr, "ops.addr", "must differ from http.addr, both are %q", c.Ops.Addr)
}

func (c *Config) checkAddr(key, addr string) {
	_, port, err := net.SplitHostPort(addr)
	number, _ := strconv.ParseUint(port, 10, 16)
	c.require(err == nil && number > 0, key,
		`must be host:port, such as "localhost:8080", or ":8080" for all interfaces, is %q`, addr)
}

func (c *Config) checkDatabase() {
	c.checkPostgres("database.url", c.Database.URL)
	c.checkPostgres("database.direct_url", c.Database.DirectURL)
	c.require(c.Database.URL != "" || c.Database.DirectURL == "", "database.direct_url",
		"goes with database.url, which is not set")
	c.require(c.Database.URL != "" || c.Database.Path != "", "database.path",
		"must name the SQLite file, or database.url a PostgreSQL database")
}

// checkDevDatabase keeps the sample data, whose passwords everybody knows, out of
// a database that others reach.
func (c *Config) checkDevDatabase() {
	for key, value := range map[string]Secret{"database.url": c.Database.URL, "database.direct_url": c.Database.DirectURL} {
		u, err := url.Parse(string(value))
		c.require(value == "" || err != nil || isLoopback(u.Hostname()), key,
			"must be on this machine for `gatelodge dev`, which fills it with sample data; run `gatelodge serve`, or take %s away",
			variable(key))
	}
}

// checkPostgres never shows the value: it has a password in it.
func (c *Config) checkPostgres(key string, value Secret) {
	u, err := url.Parse(string(value))
	postgres := err == nil && u.Host != "" && (u.Scheme == "postgres" || u.Scheme == "postgresql")
	c.require(value == "" || postgres, key, "must be postgres://user:password@host/database")
}

func (c *Config) checkLifetimes() {
	l := c.Lifetimes
	c.checkLifetime("access_token", l.AccessToken)
	c.checkLifetime("id_token", l.IDToken)
	c.checkLifetime("code", l.Code)
	c.checkLifetime("refresh_token", l.RefreshToken)
	c.checkLifetime("grant", l.Grant)
	c.checkLifetime("session", l.Session)
	c.checkLifetime("browser_session", l.BrowserSession)
	c.checkLifetime("request", l.Request)
	// RFC 6749 §4.1.2.
	c.require(l.Code <= 10*time.Minute, "lifetimes.code", "must be at most 10m, is %s", l.Code)
	c.require(l.RefreshToken <= l.Grant, "lifetimes.refresh_token",
		"must not be longer than lifetimes.grant, %s, is %s", l.Grant, l.RefreshToken)
	c.require(c.Refresh.Grace >= 0 && c.Refresh.Grace <= 10*time.Minute, "refresh.grace",
		"must be between 0s and 10m, is %s", c.Refresh.Grace)
}

func (c *Config) checkLifetime(name string, d time.Duration) {
	c.require(d >= time.Second, "lifetimes."+name, "must be at least 1s, is %s", d)
}

func (c *Config) checkKeys() {
	for _, algorithm := range c.Keys.Algorithms {
		c.require(slices.Contains(oauth.SigningAlgorithms(), algorithm), "keys.algorithms",
			"must be of %s, has %q", strings.Join(oauth.SigningAlgorithms(), ", "), algorithm)
	}
	// OpenID Connect Core §15.1 asks for RS256; our access tokens use ES256.
	c.require(slices.Contains(c.Keys.Algorithms, "RS256") && slices.Contains(c.Keys.Algorithms, "ES256"),
		"keys.algorithms", "must have RS256 and ES256, is %v", c.Keys.Algorithms)
	c.require(c.Keys.RotateEvery >= 24*time.Hour, "keys.rotate_every",
		"must be at least 24h, is %s", c.Keys.RotateEvery)
}

func (c *Config) checkPassword() {
	p := c.Password
	c.require(p.Time >= 1, "password.time", "must be at least 1, is %d", p.Time)
	c.require(p.Threads >= 1, "password.threads", "must be at least 1, is %d", p.Threads)
	// RFC 9106 §3.1.
	c.require(p.MemoryKiB >= 8*uint32(p.Threads), "password.memory_kib",
		"must be at least 8 for each of password.threads, is %d", p.MemoryKiB)
	c.require(p.Concurrency >= 0, "password.concurrency", "must not be negative, is %d", p.Concurrency)
	least := c.Accounts.MinPassword
	c.require(least >= 8 && least <= 64, "accounts.min_password", "must be 8 to 64, is %d", least)
}

func (c *Config) checkRegistration() {
	r := c.Registration
	c.require(slices.Contains([]string{"closed", "token", "open"}, r.Policy), "registration.policy",
		"must be closed, token or open, is %q", r.Policy)
	c.require(r.PerNetwork >= 1, "registration.per_network", "must be at least 1, is %d", r.PerNetwork)
	c.require(r.Unused >= time.Hour, "registration.unused", "must be at least 1h, is %s", r.Unused)
}

func (c *Config) checkTheme() {
	c.require(strings.TrimSpace(c.Theme.Name) != "" && len(c.Theme.Name) <= 100, "theme.name",
		"must be a name of at most 100 bytes, is %q", c.Theme.Name)
	for _, fault := range c.Theme.Look().Faults() {
		c.require(false, "theme."+fault.Member, "%s, is %q", fault.Problem, fault.Value)
	}
	c.require(c.Theme.Logo != "" || c.Theme.LogoDark == "", "theme.logo_dark", "goes with theme.logo, which is not set")
	c.require(c.Languages.Default != "", "languages.default", "must be a language that there are texts in, such as en")
}

func (c *Config) checkOutbound() {
	o := c.Outbound
	c.require(!o.HTTP || len(o.Allow) > 0, "outbound.http",
		"is for the networks of outbound.allow only, which are not set")
}
