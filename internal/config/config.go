// Package config owns Gatelodge's settings: their names, their defaults, where
// they come from and which values are right. It is the only package that looks
// at the environment. It does not own what a setting means: each part of the
// provider says that of the values it is given.
//
// A setting is looked for in the environment, then in the file, then among the
// defaults. The file config.yaml at the top of the repository shows them all.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
)

// Config holds every setting. The yaml names are the keys of the file; joined
// by underscores, in capitals and behind GATELODGE_ they are the names of the
// environment variables.
type Config struct {
	// Issuer is the URL that the provider is known by, its iss.
	Issuer string `yaml:"issuer"`
	// SecurityContact is the URI at which to tell of a security problem.
	SecurityContact string `yaml:"security_contact"`
	// Secret is what all keys are derived from that protect what is stored and
	// what is sent out; PreviousSecrets are still recognised.
	Secret          Secret       `yaml:"secret"`
	PreviousSecrets []Secret     `yaml:"previous_secrets"`
	HTTP            HTTP         `yaml:"http"`
	Ops             Ops          `yaml:"ops"`
	Database        Database     `yaml:"database"`
	Lifetimes       Lifetimes    `yaml:"lifetimes"`
	Refresh         Refresh      `yaml:"refresh"`
	Keys            Keys         `yaml:"keys"`
	Password        Password     `yaml:"password"`
	Grants          Grants       `yaml:"grants"`
	Accounts        Accounts     `yaml:"accounts"`
	Mail            Mail         `yaml:"mail"`
	Registration    Registration `yaml:"registration"`
	Theme           Theme        `yaml:"theme"`
	Languages       Languages    `yaml:"languages"`
	Outbound        Outbound     `yaml:"outbound"`
	Log             Log          `yaml:"log"`

	// sources says where each setting that is not a default was found.
	sources map[string]string
	faults  Error
}

// HTTP is the public listener.
type HTTP struct {
	Addr string `yaml:"addr"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// TLSCertificate and TLSKey are PEM files; without them, plain HTTP is
	// spoken to the proxy in front.
	TLSCertificate string `yaml:"tls_certificate"`
	TLSKey         string `yaml:"tls_key"`
}

// Ops is the listener for those who run the provider.
type Ops struct {
	Addr string `yaml:"addr"`
}

// Database says where everything is kept: in PostgreSQL if URL is set, else in
// the SQLite file at Path.
type Database struct {
	URL Secret `yaml:"url"`
	// DirectURL passes by a connection pooler, for migrations.
	DirectURL Secret `yaml:"direct_url"`
	Path      string `yaml:"path"`
}

// Lifetimes is how long what the provider issues is valid.
type Lifetimes struct {
	AccessToken  time.Duration `yaml:"access_token"`
	IDToken      time.Duration `yaml:"id_token"`
	Code         time.Duration `yaml:"code"`
	RefreshToken time.Duration `yaml:"refresh_token"`
	Grant        time.Duration `yaml:"grant"`
	Session      time.Duration `yaml:"session"`
	// BrowserSession is of sessions that end with the browser, or then.
	BrowserSession time.Duration `yaml:"browser_session"`
	Request        time.Duration `yaml:"request"`
}

// Refresh is how refresh tokens are rotated.
type Refresh struct {
	Grace time.Duration `yaml:"grace"`
}

// Keys is which keys sign, and for how long.
type Keys struct {
	Algorithms  []string      `yaml:"algorithms"`
	RotateEvery time.Duration `yaml:"rotate_every"`
}

// Password is the cost of argon2id.
type Password struct {
	MemoryKiB uint32 `yaml:"memory_kib"`
	Time      uint32 `yaml:"time"`
	Threads   uint8  `yaml:"threads"`
	// Concurrency bounds the hashes computed at once; 0 is one a CPU.
	Concurrency int `yaml:"concurrency"`
}

// Grants is which grants beside the usual ones clients may be given.
type Grants struct {
	// Password allows RFC 6749 §4.3 to clients that are registered for it, and
	// PasswordPublic also to those among them that have no secret.
	Password       bool `yaml:"password"`
	PasswordPublic bool `yaml:"password_public"`
	// Implicit allows the response types that put tokens into the front channel
	// (implicit and hybrid) to clients that are registered for them.
	Implicit bool `yaml:"implicit"`
}

// Accounts is what people may do by themselves.
type Accounts struct {
	// SignIn is "one_page" or "identifier_first".
	SignIn string `yaml:"sign_in"`
	// SignUp lets everybody make an account.
	SignUp bool `yaml:"sign_up"`
	// MinPassword is how many characters a password has at least that somebody
	// chooses from now on.
	MinPassword int `yaml:"min_password"`
	// SecondFactor is "optional", up to each person, or "required" of everybody.
	SecondFactor string `yaml:"second_factor"`
	// API switches the JSON API on with which the operator's own applications sign
	// people in by forms of theirs.
	API bool `yaml:"api"`
	// MagicLink lets people sign in by a link that is mailed to them.
	MagicLink bool `yaml:"magic_link"`
	// FreshFor is how old a sign-in may be for a change that could take the account
	// away from its owner.
	FreshFor time.Duration `yaml:"fresh_for"`
	// DeletionGrace is how long an account that its owner deletes can be kept after
	// all.
	DeletionGrace time.Duration `yaml:"deletion_grace"`
}

// Theme is what the pages and mails look like.
type Theme struct {
	// Name is who people sign in with.
	Name string `yaml:"name"`
	// Logo and LogoDark are image files.
	Logo     string `yaml:"logo"`
	LogoDark string `yaml:"logo_dark"`

	Brand         string `yaml:"brand"`
	BrandText     string `yaml:"brand_text"`
	BrandDark     string `yaml:"brand_dark"`
	BrandDarkText string `yaml:"brand_dark_text"`
	Radius        string `yaml:"radius"`
	Font          string `yaml:"font"`

	// Templates is a folder of files that replace those of the pages.
	Templates string `yaml:"templates"`
}

// Look is the part of it that is a style.
func (t Theme) Look() consentui.Theme {
	return consentui.Theme{
		Brand: t.Brand, BrandText: t.BrandText, BrandDark: t.BrandDark, BrandDarkText: t.BrandDarkText,
		Radius: t.Radius, Font: t.Font,
	}
}

// Languages are those that the pages and mails are in.
type Languages struct {
	// Default is for people who ask for none that there is.
	Default string `yaml:"default"`
}

// Registration is dynamic client registration, RFC 7591.
type Registration struct {
	// Policy is "closed", "token" (with an initial access token) or "open".
	Policy string `yaml:"policy"`
	// PerNetwork is how many clients a network may register in a day.
	PerNetwork int `yaml:"per_network"`
	// Unused is how long a client is kept that nobody uses.
	Unused time.Duration `yaml:"unused"`
}

// Outbound is whom the provider calls by itself: clients' jwks_uri, request_uri,
// sector_identifier_uri, logo_uri and backchannel_logout_uri.
type Outbound struct {
	// CAFile has further certificate authorities to trust, in PEM.
	CAFile string `yaml:"ca_file"`
	// Allow are private networks that may be called nevertheless.
	Allow []netip.Prefix `yaml:"allow"`
	// HTTP allows plain http, to the allowed networks only.
	HTTP bool `yaml:"http"`
}

// Log is what is logged and how.
type Log struct {
	// Format is "json", "text" or "", which is json, and text under dev.
	Format string     `yaml:"format"`
	Level  slog.Level `yaml:"level"`
}

// Default returns the settings of a file that sets nothing.
func Default() *Config {
	const day = 24 * time.Hour
	return &Config{
		PreviousSecrets: []Secret{},
		HTTP:            HTTP{Addr: "localhost:8080", TrustedProxies: []netip.Prefix{}},
		Ops:             Ops{Addr: "localhost:8090"},
		Database:        Database{Path: "data/gatelodge.db"},
		Lifetimes: Lifetimes{
			AccessToken:    10 * time.Minute,
			IDToken:        10 * time.Minute,
			Code:           time.Minute,
			RefreshToken:   30 * day,
			Grant:          90 * day,
			Session:        14 * day,
			BrowserSession: 12 * time.Hour,
			Request:        day,
		},
		Refresh:  Refresh{Grace: 30 * time.Second},
		Keys:     Keys{Algorithms: []string{"RS256", "ES256", "PS256", "EdDSA"}, RotateEvery: 90 * day},
		Password: Password{MemoryKiB: 19 * 1024, Time: 2, Threads: 1},
		Grants:   Grants{Implicit: true},
		Accounts: Accounts{
			SignIn: "one_page", MinPassword: 8, SecondFactor: "optional", MagicLink: true, FreshFor: 5 * time.Minute, DeletionGrace: 14 * day,
		},
		Registration: Registration{Policy: "closed", PerNetwork: 20, Unused: 7 * day},
		Theme:        Theme{Name: "Gatelodge"},
		Languages:    Languages{Default: "en"},
		Outbound:     Outbound{Allow: []netip.Prefix{}},
		Log:          Log{Level: slog.LevelInfo},
	}
}
