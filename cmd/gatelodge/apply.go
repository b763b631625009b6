package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/seed"
	"github.com/gatelodge/gatelodge/provider"
)

type applyCmd struct {
	File   string `short:"f" required:"" placeholder:"FILE" help:"YAML file with clients, users, scopes and resource_servers; - is standard input."`
	DryRun bool   `help:"Change nothing and show what would change."`
}

// Run brings the database to what the file says.
func (c *applyCmd) Run(ctx context.Context, env *environment) error {
	data, err := c.read(env.stdin)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.File, err)
	}
	return env.with(ctx, func(p *process) error { return c.apply(ctx, env, p, data) })
}

func (c *applyCmd) apply(ctx context.Context, env *environment, p *process, data []byte) error {
	if err := p.needSecret(ctx); err != nil {
		return err
	}
	applier := p.applier()
	applier.DryRun = c.DryRun
	changes, err := applier.Apply(ctx, data)
	if err != nil && len(changes) == 0 {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if !c.DryRun {
		p.deliver(ctx)
	}
	printErr := env.print(changes, func(w io.Writer) { printChanges(w, changes, c.DryRun) })
	if err != nil {
		return fmt.Errorf("stopped half-way, run it again when this is mended: %w", err)
	}
	return printErr
}

func (c *applyCmd) read(stdin io.Reader) ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(c.File)
}

// applier applies documents to the process's database.
func (p *process) applier() *seed.Applier {
	passwords := provider.PasswordPolicy(p.config)
	return &seed.Applier{
		Store: p.db, Secrets: p.secrets, Hasher: p.hasher, Now: now,
		Passwords: &passwords, Policy: provider.ClientPolicy(p.config), Lookup: config.Lookup,
	}
}

func printChanges(w io.Writer, changes []seed.Change, dryRun bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		action := string(c.Action)
		if dryRun && c.Action != seed.Unchanged {
			action = "would be " + action
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", c.Kind, c.Name, action)
	}
	_ = t.Flush()
	for _, c := range changes {
		if c.Secret != "" {
			_, _ = fmt.Fprintf(w, "\nSecret of client %s, shown only now: %s\n", c.Name, c.Secret)
		}
	}
}
