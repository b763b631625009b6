// Package providertest runs the whole provider for tests: the real handler over
// a real database, with a clock that the test moves.
package providertest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/inbox"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/logout"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// The fixtures that every provider has.
const (
	ClientID     = "web"
	PublicID     = "native"
	MachineID    = "machine"
	APIClientID  = "api"
	ClientSecret = "a-client-secret-that-is-long-enough-0123456789"
	RedirectURI  = "https://app.example/callback"
	NativeURI    = "http://127.0.0.1/callback"
	API          = "https://api.example"
	APIScope     = "notes.read"
	Username     = "alex@example.com"
	Password     = "correct horse battery staple"
	UserID       = "user-alex"
	MailFrom     = "Gatelodge <login@id.example>"
	MasterSecret = "a master secret for tests, 32 bytes or more"
)

// Provider is a running provider.
type Provider struct {
	*httptest.Server
	Store   storage.Store
	Secrets *secret.Keys
	Keys    *keys.Ring
	Clock   *Clock
	Config  *config.Config
	Logouts *logout.Deliverer
	// Mails delivers mails into the Inbox, when a test asks for them: see Mail. Both
	// are nil without mail.
	Mails *mail.Deliverer
	Inbox *inbox.Inbox
	// StopLogouts ends the delivery of logouts by itself.
	StopLogouts func()
}

// At returns a provider that another process serves at the URL, with the same
// fixtures. It can do what goes over HTTP.
func At(url string) *Provider { return &Provider{Server: &httptest.Server{URL: url}} }

// Client returns a client for the back channel.
func (p *Provider) Client() *http.Client {
	if c := p.Server.Client(); c != nil {
		return c
	}
	return http.DefaultClient
}

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns its time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Options change what New starts.
type Options struct {
	// Store is the database, migrated; a SQLite file of the test's own if nil.
	Store storage.Store
	// Configure changes the settings.
	Configure func(*config.Config)
	// Log receives the log; nowhere if nil.
	Log io.Writer
	// Secrets is the master secret; that of most tests if nil.
	Secrets *secret.Keys
	// TLS has the provider speak it, with the certificate of httptest, for
	// 127.0.0.1, which is a certificate authority of its own.
	TLS bool
	// Argon2 is how passwords are hashed: as cheaply as can be unless set.
	Argon2 account.Argon2
	// Dev is as under `gatelodge dev`.
	Dev bool
	// NoMail leaves the provider without mail.
	NoMail bool
}

// New starts a provider with the fixtures. It ends with the test.
func New(t testing.TB, o Options) *Provider {
	t.Helper()
	o.complete(t)
	secrets := o.Secrets
	p := &Provider{Store: o.Store, Secrets: secrets, Clock: &Clock{now: time.Now().UTC().Truncate(time.Second)}}
	p.Config = config.Default()
	p.Server = httptest.NewUnstartedServer(nil)
	p.Config.Issuer = "http://" + p.Listener.Addr().String()
	if o.TLS {
		p.Config.Issuer = "https://" + p.Listener.Addr().String()
	}
	if o.Configure != nil {
		o.Configure(p.Config)
	}
	log := slog.New(slog.NewJSONHandler(o.Log, nil))
	p.Keys = keys.New(keys.Config{Algorithms: p.Config.Keys.Algorithms}, o.Store, secrets, p.Clock.Now, log)
	p.loadKeys(t)
	hasher, err := account.NewHasher(o.Argon2)
	if err != nil {
		t.Fatal(err)
	}
	p.fixtures(t, hasher)
	calls, err := outbound.New(outbound.Config{
		CAFile: p.Config.Outbound.CAFile, Allow: p.Config.Outbound.Allow, HTTP: p.Config.Outbound.HTTP, Now: p.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := provider.Deps{
		Config: p.Config, Store: o.Store, Keys: p.Keys, Secrets: secrets, Hasher: hasher, Outbound: calls,
		Log: log, Now: p.Clock.Now, Dev: o.Dev,
	}
	if !o.NoMail {
		p.Inbox = &inbox.Inbox{From: MailFrom}
		d.Mail = p.Inbox
	}
	handler, err := provider.New(d)
	if err != nil {
		t.Fatal(err)
	}
	p.Server.Config.Handler, p.Logouts, p.Mails = handler, handler.Logouts, handler.Mails
	p.runLogouts()
	if o.TLS {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(func() {
		p.Close()
		p.StopLogouts()
		_ = p.Keys.Close()
		_ = calls.Close()
	})
	return p
}

// complete fills in what the test leaves open.
func (o *Options) complete(t testing.TB) {
	t.Helper()
	if o.Store == nil {
		o.Store = SQLite(t)
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Secrets == nil {
		o.Secrets = Secrets(t, MasterSecret)
	}
	if o.Argon2 == (account.Argon2{}) {
		o.Argon2 = account.Argon2{MemoryKiB: 8, Time: 1, Threads: 1} // what it costs is not what tests prove
	}
}

// runLogouts delivers logouts beside the requests.
func (p *Provider) runLogouts() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Logouts.Run(ctx) })
	p.StopLogouts = func() {
		stop()
		running.Wait()
	}
}

// Secrets returns the keys of master secrets, the current one first.
func Secrets(t testing.TB, current string, previous ...string) *secret.Keys {
	t.Helper()
	secrets, err := secret.New(current, previous...)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func (p *Provider) fixtures(t testing.TB, hasher *account.Hasher) {
	t.Helper()
	now := p.Clock.Now()
	hash, err := hasher.Hash(t.Context(), Password)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(p.Store.SaveUser(ctx, storage.User{
		ID: UserID, Identifiers: []string{Username, "alex"}, PasswordHash: hash,
		Claims: storage.Claims{
			Name: "Alex Sample", PreferredUsername: "alex", Email: Username, EmailVerified: true,
			PhoneNumber: "+15550100", Address: &storage.Address{Country: "NL"},
		},
		CreatedAt: now, UpdatedAt: now,
	}))
	must(p.Store.SaveResourceServer(ctx, storage.ResourceServer{Identifier: API, Name: "Notes", ClientID: APIClientID}))
	must(p.Store.SaveScope(ctx, storage.Scope{Name: APIScope, Description: "Read your notes", ResourceServer: API}))
	all := "openid profile email address phone offline_access " + APIScope
	p.SaveClient(ctx, t, ClientID, storage.ClientMetadata{
		ClientName: "Sample App", RedirectURIs: []string{RedirectURI}, Scope: all,
		GrantTypes: []string{"authorization_code", "refresh_token", "password"}, ResponseTypes: []string{"code"},
		TokenEndpointAuthMethod: "client_secret_basic",
	})
	p.SaveClient(ctx, t, PublicID, storage.ClientMetadata{
		RedirectURIs: []string{NativeURI}, Scope: all,
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		TokenEndpointAuthMethod: "none",
	})
	for _, id := range []string{MachineID, APIClientID} {
		p.SaveClient(ctx, t, id, storage.ClientMetadata{
			GrantTypes: []string{"client_credentials"}, Scope: APIScope,
			TokenEndpointAuthMethod: "client_secret_basic",
		})
	}
}

// SaveClient registers a client, with ClientSecret unless it is public.
func (p *Provider) SaveClient(ctx context.Context, t testing.TB, id string, m storage.ClientMetadata) {
	t.Helper()
	m = client.Defaults(m)
	c := storage.Client{ID: id, Metadata: m, CreatedAt: p.Clock.Now(), UpdatedAt: p.Clock.Now()}
	if m.TokenEndpointAuthMethod != "none" && m.TokenEndpointAuthMethod != "private_key_jwt" {
		c.SecretHash = client.HashSecret(p.Secrets, id, ClientSecret)
	}
	if err := p.Store.SaveClient(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// Browser returns an HTTP client with cookies and connections of its own that
// follows no redirect. Those of [http.DefaultTransport] are closed whenever a
// parallel test closes its [httptest.Server].
func Browser(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Jar:           newJar(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
