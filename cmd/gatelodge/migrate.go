package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gatelodge/gatelodge/internal/config"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" default:"1" help:"Bring the schema up to date (the default)."`
	Status migrateStatusCmd `cmd:"" help:"Say whether the schema is up to date."`
}

type migrateUpCmd struct{}

// Run migrates. Several may do so at once, and a killed one can be run again.
func (migrateUpCmd) Run(ctx context.Context, env *environment) error {
	p, err := env.build(ctx, config.Admin)
	if err != nil {
		return err
	}
	err = p.db.Migrate(ctx)
	if err == nil {
		_, _ = fmt.Fprintln(env.stdout, "The schema is up to date.")
	}
	return errors.Join(err, p.close())
}

type migrateStatusCmd struct{}

// Run tells whether there is something to migrate.
func (migrateStatusCmd) Run(ctx context.Context, env *environment) error {
	p, err := env.build(ctx, config.Admin)
	if err != nil {
		return err
	}
	current, err := p.db.Migrated(ctx)
	if err == nil {
		err = env.print(map[string]bool{"up_to_date": current}, func(w io.Writer) {
			if current {
				_, _ = fmt.Fprintln(w, "The schema is up to date.")
			} else {
				_, _ = fmt.Fprintln(w, "The schema is not up to date, run: gatelodge migrate")
			}
		})
	}
	return errors.Join(err, p.close())
}
