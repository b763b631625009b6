package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

type clientCmd struct {
	List         clientListCmd   `cmd:"" help:"List all clients."`
	Get          clientGetCmd    `cmd:"" help:"Show a client."`
	Create       clientCreateCmd `cmd:"" help:"Register a client and show its secret."`
	Delete       clientDeleteCmd `cmd:"" help:"Delete a client with all that was granted to it."`
	RotateSecret clientRotateCmd `cmd:"" help:"Give a client a new secret in place of the old one, and show it."`
	Token        tokenCmd        `cmd:"" help:"Manage the tokens with which applications register themselves."`
}

// clientView is a client as the commands print it: its metadata under the names
// of RFC 7591, and its secret when it has just been made.
type clientView struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	storage.ClientMetadata
}

func viewOf(c storage.Client) clientView {
	return clientView{ClientID: c.ID, ClientMetadata: c.Metadata}
}

type clientListCmd struct{}

// Run lists the clients.
func (clientListCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		list, err := p.db.ListClients(ctx)
		if err != nil {
			return err
		}
		views := make([]clientView, 0, len(list))
		for _, c := range list {
			views = append(views, viewOf(c))
		}
		return env.print(views, func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(t, "CLIENT ID\tNAME\tAUTHENTICATION\tGRANT TYPES")
			for _, v := range views {
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.ClientID, v.ClientName,
					v.TokenEndpointAuthMethod, strings.Join(v.GrantTypes, " "))
			}
			_ = t.Flush()
		})
	})
}

type clientGetCmd struct {
	ID string `arg:"" name:"client_id"`
}

// Run shows a client.
func (c *clientGetCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		found, err := p.findClient(ctx, c.ID)
		if err != nil {
			return err
		}
		return env.print(viewOf(found), func(w io.Writer) { printClient(w, viewOf(found)) })
	})
}

func (p *process) findClient(ctx context.Context, id string) (storage.Client, error) {
	found, err := p.db.FindClient(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return found, fmt.Errorf("there is no client %q, see: gatelodge client list", id)
	}
	return found, err
}

type clientCreateCmd struct {
	ID           string   `name:"id" placeholder:"CLIENT_ID" help:"Its client_id; made if not given."`
	Name         string   `help:"What people know it as."`
	RedirectURI  []string `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Where people come back to; may be repeated."`
	GrantType    []string `placeholder:"TYPE" help:"authorization_code (the default), refresh_token, client_credentials or password; may be repeated."`
	Scope        string   `help:"The scopes it may ask for, separated by spaces (default: the standard ones)."`
	Public       bool     `help:"It cannot keep a secret: a native or single-page app."`
	OpaqueTokens bool     `help:"Its access tokens are opaque, not JWTs."`
}

// Run registers a client.
func (c *clientCreateCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err
		}
		record := storage.Client{ID: c.ID, Metadata: c.metadata(), CreatedAt: now(), UpdatedAt: now()}
		if record.ID == "" {
			record.ID = strings.ToLower(rand.Text())
		}
		if !client.ValidID(record.ID) {
			return fmt.Errorf("--id: must be printable ASCII, and not %q, is %q", client.AccountID, record.ID)
		}
		if faults := client.Validate(record.Metadata, provider.ClientPolicy(p.config)); len(faults) > 0 {
			return unregistrable(faults)
		}
		if err := p.scopesExist(ctx, c.Scope); err != nil {
			return err
		}
		if _, err := p.db.FindClient(ctx, record.ID); !errors.Is(err, storage.ErrNotFound) {
			if err == nil {
				err = fmt.Errorf("there is a client %q already; change it with: gatelodge apply", record.ID)
			}
			return err
		}
		return p.saveWithSecret(ctx, env, record)
	})
}

func unregistrable(faults []client.Fault) error {
	lines := []string{"the client cannot be registered so:"}
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	return errors.New(strings.Join(lines, "\n  "))
}

// scopesExist fails if one of the scopes does not, which would be ignored in
// every request.
func (p *process) scopesExist(ctx context.Context, scopes string) error {
	catalogue, err := p.db.Catalogue(ctx)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(scopes) {
		if !client.ScopeExists(&catalogue, name) {
			return fmt.Errorf("--scope: there is no scope %q; register it with: gatelodge apply", name)
		}
	}
	return nil
}

func (c *clientCreateCmd) metadata() storage.ClientMetadata {
	m := storage.ClientMetadata{
		ClientName: c.Name, RedirectURIs: c.RedirectURI, GrantTypes: c.GrantType, Scope: c.Scope,
	}
	if c.Public {
		m.TokenEndpointAuthMethod = "none"
	}
	if c.OpaqueTokens {
		m.AccessTokenFormat = "opaque"
	}
	return client.Defaults(m)
}

// saveWithSecret stores the client, with a new secret if it uses one, and shows
// it this once.
func (p *process) saveWithSecret(ctx context.Context, env *environment, record storage.Client) error {
	view := viewOf(record)
	if client.HasSecret(record.Metadata) {
		view.ClientSecret = client.NewSecret()
		record.SecretHash = client.HashSecret(p.secrets, record.ID, view.ClientSecret)
	}
	if err := p.db.SaveClient(ctx, record); err != nil {
		return err
	}
	return env.print(view, func(w io.Writer) { printClient(w, view) })
}

type clientDeleteCmd struct {
	ID string `arg:"" name:"client_id"`
}

// Run deletes a client.
func (c *clientDeleteCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if _, err := p.findClient(ctx, c.ID); err != nil {
			return err
		}
		if err := p.db.DeleteClient(ctx, c.ID); err != nil {
			return err
		}
		return env.print(map[string]string{"deleted": c.ID}, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "Client %s is deleted. Running nodes may know it for another %s.\n", c.ID, client.Freshness)
		})
	})
}

type clientRotateCmd struct {
	ID string `arg:"" name:"client_id"`
}

// Run gives a client a new secret.
func (c *clientRotateCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err
		}
		record, err := p.findClient(ctx, c.ID)
		if err != nil {
			return err
		}
		if !client.HasSecret(record.Metadata) {
			return fmt.Errorf("client %q authenticates by %s and has no secret", c.ID, record.Metadata.TokenEndpointAuthMethod)
		}
		record.UpdatedAt = now()
		if err := p.saveWithSecret(ctx, env, record); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.stderr, "Running nodes may know only the old secret for another %s.\n", client.Freshness)
		return nil
	})
}

func printClient(w io.Writer, v clientView) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"client_id", v.ClientID},
		{"client_name", v.ClientName},
		{"token_endpoint_auth_method", v.TokenEndpointAuthMethod},
		{"grant_types", strings.Join(v.GrantTypes, " ")},
		{"redirect_uris", strings.Join(v.RedirectURIs, " ")},
		{"scope", v.Scope},
		{"access_token_format", v.AccessTokenFormat},
		{"client_secret", v.ClientSecret},
	} {
		if line[1] != "" {
			_, _ = fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
		}
	}
	_ = t.Flush()
	if v.ClientSecret != "" {
		_, _ = fmt.Fprintln(w, "\nThe secret is shown only now: it is not stored.")
	}
}
