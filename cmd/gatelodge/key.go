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
	List   keyListCmd   `cmd:"" help:"List the signing keys."`
	Rotate keyRotateCmd `cmd:"" help:"Add the next signing key. It is published at once and signs a little later."`
}

type keyListCmd struct{}

// Run lists the keys.
func (keyListCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(); err != nil {
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
	Algorithm string `arg:"" enum:"RS256,ES256,EdDSA" help:"RS256, ES256 or EdDSA."`
}

// Run adds a key, beside a running provider or without one.
func (c *keyRotateCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(); err != nil {
			return err
		}
		key, err := p.keys.Rotate(ctx, c.Algorithm)
		if err != nil {
			return err
		}
		return env.print(key, func(w io.Writer) {
			printKeys(w, key)
			_, _ = fmt.Fprintf(w, "\nIt signs from %s on. Running nodes take it up by themselves.\n", when(key.ActiveAt))
		})
	})
}

func printKeys(w io.Writer, list ...keys.Key) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "KID\tALGORITHM\tSTATE\tSIGNS FROM\tPUBLISHED UNTIL")
	for _, k := range list {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Algorithm, k.State, when(k.ActiveAt), when(k.RetiredAt))
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
