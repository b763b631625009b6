package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/inbox"
	"github.com/gatelodge/gatelodge/provider/keys"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
	"github.com/gatelodge/gatelodge/storage/sqlite"
)

// environment is what a command is run in.
type environment struct {
	path   string // of the configuration file, "" for the default
	output string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// print shows what a command found, as JSON or as a table.
func (env *environment) print(value any, table func(io.Writer)) error {
	if env.output != "json" {
		table(env.stdout)
		return nil
	}
	encoder := json.NewEncoder(env.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// database is what the process asks of an engine beside [storage.Store].
type database interface {
	storage.Store
	Migrate(context.Context) error
	Migrated(context.Context) (bool, error)
}

// process is what the commands share: the settings and all that hangs on them.
type process struct {
	mode    config.Mode
	config  *config.Config
	log     *slog.Logger
	db      database
	secrets *secret.Keys // nil if there is no secret, which only Admin allows
	keys    *keys.Ring   // nil without secrets
	hasher  *account.Hasher
	calls   *outbound.Client
	mail    mail.Sender // nil if there is no mail
}

// open opens everything for a command that may run beside a server.
func (env *environment) open(ctx context.Context) (*process, error) {
	p, err := env.build(ctx, config.Admin)
	if err != nil {
		return nil, err
	}
	current, err := p.db.Migrated(ctx)
	if err == nil && !current {
		err = errors.New("the database's schema is not up to date, run: gatelodge migrate")
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// with opens everything for a command, runs it and closes everything again.
func (env *environment) with(ctx context.Context, command func(*process) error) error {
	p, err := env.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(command(p), p.close())
}

// needSecret fails unless the configured secret is the one that the database's
// keys are sealed under: what a command hashes under another is of no use.
func (p *process) needSecret(ctx context.Context) error {
	if p.secrets == nil {
		return errors.New("no secret is configured: set GATELODGE_SECRET to the one that the provider runs with")
	}
	err := p.keys.Load(ctx)
	if errors.Is(err, secret.ErrOpen) {
		return errors.New("the configured secret is not the one that the provider runs with, see GATELODGE_SECRET")
	}
	return err
}

// build opens everything but asks the database nothing yet.
func (env *environment) build(ctx context.Context, mode config.Mode) (*process, error) {
	c, err := config.Load(env.path, mode)
	if err != nil {
		return nil, err
	}
	p := &process{mode: mode, config: c, log: newLog(c, mode, env.stderr)}
	if p.hasher, err = newHasher(c); err != nil {
		return nil, err
	}
	if p.calls, err = newCalls(c.Outbound); err != nil {
		return nil, err
	}
	if p.mail, err = newMail(c, mode); err != nil {
		return nil, err
	}
	if p.db, err = openDatabase(ctx, c, mode); err != nil {
		return nil, err
	}
	if c.Secret != "" {
		if err := p.useSecrets(); err != nil {
			return nil, errors.Join(err, p.db.Close())
		}
	}
	return p, nil
}

func (p *process) useSecrets() (err error) {
	previous := make([]string, 0, len(p.config.PreviousSecrets))
	for _, s := range p.config.PreviousSecrets {
		previous = append(previous, string(s))
	}
	if p.secrets, err = secret.New(string(p.config.Secret), previous...); err != nil {
		return err
	}
	p.keys = keys.New(keys.Config{
		Algorithms:  p.config.Keys.Algorithms,
		KeepAfter:   max(keys.DefaultKeepAfter, 2*p.config.Lifetimes.IDToken, 2*p.config.Lifetimes.AccessToken),
		RotateEvery: p.config.Keys.RotateEvery,
	}, p.db, p.secrets, now, p.log)
	return nil
}

// newCalls returns who makes the provider's own calls.
func newCalls(c config.Outbound) (*outbound.Client, error) {
	calls, err := outbound.New(outbound.Config{CAFile: c.CAFile, Allow: c.Allow, HTTP: c.HTTP, Now: now})
	if err != nil {
		return nil, fmt.Errorf("outbound.ca_file: %w", err)
	}
	return calls, nil
}

// newMail returns who sends mails, nil if nobody does.
func newMail(c *config.Config, mode config.Mode) (mail.Sender, error) {
	switch {
	case c.Mail.URL == "" && mode == config.Dev:
		return &inbox.Inbox{From: cmp.Or(c.Mail.From, "Gatelodge <login@localhost>")}, nil
	case c.Mail.URL == "" || c.Issuer == "":
		return nil, nil //nolint:nilnil // there is none, and that is no fault
	}
	roots, err := outbound.Authorities(c.Outbound.CAFile)
	if err != nil {
		return nil, fmt.Errorf("outbound.ca_file: %w", err)
	}
	return mail.NewSMTP(string(c.Mail.URL), c.Mail.From, c.Issuer, roots)
}

func openDatabase(ctx context.Context, c *config.Config, mode config.Mode) (database, error) {
	switch {
	case c.Database.URL != "":
		return postgres.Open(ctx, postgres.Config{URL: string(c.Database.URL), DirectURL: string(c.Database.DirectURL)})
	case mode == config.Admin:
		return sqlite.OpenShared(ctx, c.Database.Path)
	default:
		return sqlite.Open(ctx, c.Database.Path)
	}
}

// newLog returns the log. Commands say themselves what they have done.
func newLog(c *config.Config, mode config.Mode, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Log.Level}
	if mode == config.Admin {
		options.Level = max(c.Log.Level, slog.LevelWarn)
	}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// close closes everything, and waits for what still runs.
func (p *process) close() error {
	err := p.calls.Close()
	if p.keys != nil {
		err = errors.Join(err, p.keys.Close())
	}
	if e := p.db.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("close the database: %w", e))
	}
	return err
}

// now is the process's clock.
func now() time.Time { return time.Now().UTC() }
