package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatelodge/gatelodge/provider/keys"
)

type keyCmd struct {
	List   keyListCmd   `cmd:"" help:"List the keys."`
	Rotate keyRotateCmd `cmd:"" help:"Add the next keys. Those that sign are published at once and sign a little later."`
}

type keyListCmd struct{}

// Run lists the keys.
func (keyListCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err
		}
		list, err := p.keys.List(ctx)
		if err != nil {
			return err
		}
		return env.print(list, func(w io.Writer) { printKeys(w, list...) })
	})
}

type keyRotateCmd struct {
	Algorithm string `arg:"" optional:"" help:"RS256, PS256, ES256 or EdDSA to sign with, RSA-OAEP or ECDH-ES to decrypt with (default: each that there is)."`
}

// Run adds keys, beside a running provider or without one.
func (c *keyRotateCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err
		}
		algorithms := p.keys.KeyAlgorithms()
		if c.Algorithm != "" {
			algorithms = []string{c.Algorithm}
		}
		added := make([]keys.Key, 0, len(algorithms))
		for _, alg := range algorithms {
			key, err := p.keys.Rotate(ctx, alg)
			if err != nil {
				return err
			}
			added = append(added, key)
		}
		return env.print(added, func(w io.Writer) {
			printKeys(w, added...)
			_, _ = fmt.Fprintln(w, "\nRunning nodes publish and use them by themselves.")
		})
	})
}

func printKeys(w io.Writer, list ...keys.Key) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "KID\tUSE\tALGORITHM\tSTATE\tACTIVE FROM\tKEPT UNTIL")
	for _, k := range list {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Use, k.Algorithm, k.State, when(k.ActiveAt), when(k.RetiredAt))
	}
	_ = t.Flush()
}

// when prints a time for people, a dash for none.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
