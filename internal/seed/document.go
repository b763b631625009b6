// Package seed owns clients and people as code: the YAML that `gatelodge apply`
// takes, and bringing the database to what it says. It never deletes.
package seed

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/internal/strictyaml"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

//go:embed demo.yaml
var demo []byte

// Demo is the document with the sample data of `gatelodge dev`.
func Demo() []byte { return demo }

// document is the file.
type document struct {
	Clients         []clientEntry         `yaml:"clients"`
	Users           []userEntry           `yaml:"users"`
	Scopes          []scopeEntry          `yaml:"scopes"`
	ResourceServers []resourceServerEntry `yaml:"resource_servers"`
}

// clientEntry is a client: its metadata under the names of RFC 7591 §2, and its
// secret, which is made and shown once if it is not given.
type clientEntry struct {
	ClientID     string `yaml:"client_id"`
	ClientSecret string `yaml:"client_secret"`
	storage.ClientMetadata
}

// userEntry is a person: the standard claims under their own names, and what
// the person signs in with.
type userEntry struct {
	Sub          string `yaml:"sub"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordHash string `yaml:"password_hash"`
	Disabled     *bool  `yaml:"disabled"`
	storage.Claims
}

type scopeEntry struct {
	Name           string `yaml:"name"`
	Description    string `yaml:"description"`
	ResourceServer string `yaml:"resource_server"`
}

type resourceServerEntry struct {
	Identifier string `yaml:"identifier"`
	Name       string `yaml:"name"`
	ClientID   string `yaml:"client_id"`
}

// Error is everything that is wrong with a document, a line each. It never
// contains a secret.
type Error []string

func (e Error) Error() string { return "the file is not right:\n  " + strings.Join(e, "\n  ") }

// parser reads a document and collects what is wrong with it.
type parser struct {
	*Applier
	lines  strictyaml.Lines
	faults Error
}

// parse reads and validates a document that comes on top of what is registered
// already. ${NAME} in a secret stands for the environment variable. Its error
// is an [Error] unless the database did not answer.
func (a *Applier) parse(ctx context.Context, data []byte, registered storage.Catalogue) (*document, error) {
	p := &parser{Applier: a}
	var d document
	var faults []strictyaml.Fault
	p.lines, faults = strictyaml.Decode(data, &d)
	for _, f := range faults {
		p.faults = append(p.faults, f.String())
	}
	if len(faults) == 0 {
		p.clients(d.Clients)
		p.users(d.Users)
		p.catalogue(&d)
		p.references(&d, registered)
		if err := p.introspectors(ctx, &d); err != nil {
			return nil, err
		}
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return &d, nil
}

func (p *parser) fault(key, format string, args ...any) {
	text := key + ": " + fmt.Sprintf(format, args...)
	if line := p.lines[key]; line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	p.faults = append(p.faults, text)
}

func (p *parser) clients(entries []clientEntry) {
	seen := map[string]bool{}
	for i := range entries {
		e, key := &entries[i], fmt.Sprintf("clients[%d]", i)
		p.unique(seen, key, "client_id", e.ClientID)
		if e.ClientID != "" && !client.ValidID(e.ClientID) {
			p.fault(key, "client_id: must be printable ASCII, and not %q, is %q", client.AccountID, e.ClientID)
		}
		p.expand(key+".client_secret", &e.ClientSecret)
		e.ClientMetadata = client.Defaults(e.ClientMetadata)
		for _, f := range client.Validate(e.ClientMetadata, p.Policy) {
			p.fault(key, "%s", f)
		}
		switch has := client.HasSecret(e.ClientMetadata); {
		case e.ClientSecret != "" && !has:
			p.fault(key, "client_secret: a client that authenticates by %s has none", e.TokenEndpointAuthMethod)
		case e.ClientSecret != "" && len(e.ClientSecret) < minSecret:
			p.fault(key, "client_secret: must have at least %d characters; without it one is made", minSecret)
		}
	}
}

// minSecret is the least length of a secret that is given: it is stored under a
// fast hash, and must not be guessable.
const minSecret = 32

func (p *parser) users(entries []userEntry) {
	seen, subs := map[string]bool{}, map[string]bool{}
	for i := range entries {
		e, key := &entries[i], fmt.Sprintf("users[%d]", i)
		if e.Sub != "" {
			p.unique(subs, key, "sub", e.Sub)
		}
		if len(e.Sub) > 255 || strings.ContainsFunc(e.Sub, notASCII) { // OpenID Connect Core §2
			p.fault(key, "sub: must be printable ASCII, 255 characters at most")
		}
		identifiers, err := e.identifiers()
		switch {
		case err != nil:
			p.fault(key, "%v", err)
		case len(identifiers) == 0:
			p.fault(key, "needs a username or an email to sign in with")
		}
		for _, identifier := range identifiers {
			p.unique(seen, key, "username or email", identifier)
		}
		p.claims(key, &e.Claims)
		p.expand(key+".password", &e.Password)
		p.expand(key+".password_hash", &e.PasswordHash)
		if e.Password != "" && e.PasswordHash != "" {
			p.fault(key, "password and password_hash exclude each other")
		}
		if e.PasswordHash != "" {
			if err := account.CheckHash(e.PasswordHash); err != nil {
				p.fault(key, "password_hash: %v", err)
			}
		}
		if e.Password != "" {
			if err := p.checkPassword(e); err != nil {
				p.fault(key, "%v", err)
			}
		}
	}
}

func (p *parser) checkPassword(e *userEntry) error {
	if p.Passwords == nil {
		return account.CheckPassword(e.Password)
	}
	return p.Passwords.Check(e.Password, append(account.About(storage.User{Claims: e.Claims}), e.Username)...)
}

func notASCII(r rune) bool { return r < ' ' || r > '~' }

// identifiers are the normalised names that the person signs in with.
func (e *userEntry) identifiers() ([]string, error) {
	var all []string
	for _, name := range []string{e.Username, e.Email} {
		if name == "" {
			continue
		}
		identifier, err := account.Normalise(name)
		if err != nil {
			return nil, fmt.Errorf("%q cannot be signed in with: %w", name, err)
		}
		if len(all) == 0 || all[0] != identifier {
			all = append(all, identifier)
		}
	}
	return all, nil
}

func (p *parser) catalogue(d *document) {
	servers, scopes := map[string]bool{}, map[string]bool{}
	for i, e := range d.ResourceServers {
		key := fmt.Sprintf("resource_servers[%d]", i)
		p.unique(servers, key, "identifier", e.Identifier)
		// RFC 8707 §2.
		if u, err := url.Parse(e.Identifier); e.Identifier != "" && (err != nil || !u.IsAbs() || strings.Contains(e.Identifier, "#")) {
			p.fault(key, "identifier: must be an absolute URI without a fragment, such as https://api.example.com, is %q", e.Identifier)
		}
	}
	for i, e := range d.Scopes {
		key := fmt.Sprintf("scopes[%d]", i)
		p.unique(scopes, key, "name", e.Name)
		switch {
		case e.Name != "" && !client.ValidScope(e.Name):
			p.fault(key, "name: %q has characters that a scope cannot have", e.Name)
		case slices.Contains(claims.Scopes(), e.Name):
			p.fault(key, "name: %q has a meaning already and cannot be registered", e.Name)
		}
	}
}

// references checks that what an entry names exists, here or registered: a
// misspelt scope would be ignored in silence.
func (p *parser) references(d *document, registered storage.Catalogue) {
	servers, scopes := map[string]bool{"": true}, map[string]bool{}
	for _, e := range registered.ResourceServers {
		servers[e.Identifier] = true
	}
	for _, e := range d.ResourceServers {
		servers[e.Identifier] = true
	}
	for _, name := range claims.Scopes() {
		scopes[name] = true
	}
	for _, e := range registered.Scopes {
		scopes[e.Name] = true
	}
	for i, e := range d.Scopes {
		scopes[e.Name] = true
		if !servers[e.ResourceServer] {
			p.fault(fmt.Sprintf("scopes[%d]", i), "resource_server: there is no %q among the resource_servers", e.ResourceServer)
		}
	}
	for i, e := range d.Clients {
		for name := range strings.FieldsSeq(e.Scope) {
			if !scopes[name] {
				p.fault(fmt.Sprintf("clients[%d]", i), "scope: there is no %q among the scopes", name)
			}
		}
	}
}

// introspectors checks that the clients exist which resource servers introspect
// tokens as: for one that does not every token would be inactive.
func (p *parser) introspectors(ctx context.Context, d *document) error {
	for i, e := range d.ResourceServers {
		named := func(c clientEntry) bool { return c.ClientID == e.ClientID }
		if e.ClientID == "" || slices.ContainsFunc(d.Clients, named) {
			continue
		}
		_, err := p.Store.FindClient(ctx, e.ClientID)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			p.fault(fmt.Sprintf("resource_servers[%d]", i), "client_id: there is no %q among the clients", e.ClientID)
		case err != nil:
			return err
		}
	}
	return nil
}

// unique checks that the value is there, and there only once.
func (p *parser) unique(seen map[string]bool, key, member, value string) {
	switch {
	case value == "":
		p.fault(key, "%s: is missing", member)
	case seen[value]:
		p.fault(key, "%s: %q is given twice", member, value)
	}
	seen[value] = true
}

var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces ${NAME} by the environment variable.
func (p *parser) expand(key string, value *string) {
	*value = reference.ReplaceAllStringFunc(*value, func(match string) string {
		name := match[2 : len(match)-1]
		found, _ := p.Lookup(name)
		if found == "" { // which would pass for a secret that is not given
			p.fault(key, "the environment variable %s is not set", name)
		}
		return found
	})
}
