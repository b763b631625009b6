package main

import (
	"context"
	"errors"
	"fmt"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/internal/seed"
)

type devCmd struct{}

// Run serves for development, with sample data, and says what there is to try.
func (devCmd) Run(ctx context.Context, env *environment) error {
	p, err := env.build(ctx, config.Dev)
	if err != nil {
		return err
	}
	err = p.serve(ctx, func(ctx context.Context) error {
		applier := p.applier()
		applier.KeepUsers, applier.Passwords = true, nil
		if _, err := applier.Apply(ctx, seed.Demo()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.stdout, banner, p.config.Issuer, p.config.Issuer, whereMails(p.config))
		return err
	})
	return errors.Join(err, p.close())
}

// whereMails says where mails go.
func whereMails(c *config.Config) string {
	if c.Mail.URL != "" {
		return "are sent, since mail.url is set"
	}
	return c.Issuer + consentui.DevMailPath
}

const banner = `
  Gatelodge runs in DEVELOPMENT mode: known passwords and secrets, no TLS.
  Never let others reach it.

  Issuer     %s
  Discovery  %s/.well-known/openid-configuration
  Mails      %s

  Person     alex, or alex@example.com     password gatelodge-demo
  Clients    sample-app   secret sample-app-demo-secret-not-for-production
             machine      secret machine-demo-secret-not-for-production
             sample-api   secret sample-api-demo-secret-not-for-production

  Under "make run", open  http://127.0.0.1:8082  and sign in.

`
