package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatelodge/gatelodge/provider/register"
	"github.com/gatelodge/gatelodge/storage"
)

// tokenCmd manages initial access tokens, with which applications register
// themselves.
type tokenCmd struct {
	List   tokenListCmd   `cmd:"" help:"List the tokens with which applications can register themselves."`
	Create tokenCreateCmd `cmd:"" help:"Make a token with which an application can register itself, and show it."`
	Delete tokenDeleteCmd `cmd:"" help:"Delete a token; the clients registered with it stay."`
}

// tokenView is an initial access token as the commands print it.
type tokenView struct {
	ID        string    `json:"id"`
	Token     string    `json:"token,omitempty"`
	Remaining int       `json:"remaining"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func viewOfToken(t storage.InitialAccessToken) tokenView {
	return tokenView{ID: t.ID, Remaining: t.Remaining, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
}

type tokenListCmd struct{}

// Run lists the tokens.
func (tokenListCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		list, err := p.db.ListInitialAccessTokens(ctx)
		if err != nil {
			return err
		}
		views := make([]tokenView, 0, len(list))
		for _, t := range list {
			views = append(views, viewOfToken(t))
		}
		return env.print(views, func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(t, "ID\tREMAINING\tCREATED\tEXPIRES")
			for _, v := range views {
				_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", v.ID, v.Remaining,
					v.CreatedAt.Format(time.RFC3339), v.ExpiresAt.Format(time.RFC3339))
			}
			_ = t.Flush()
		})
	})
}

type tokenCreateCmd struct {
	Uses     int           `default:"1" help:"How many clients it can register."`
	Lifetime time.Duration `default:"24h" help:"How long it can be used."`
}

// Run makes a token.
func (c *tokenCreateCmd) Run(ctx context.Context, env *environment) error {
	switch {
	case c.Uses < 1:
		return fmt.Errorf("--uses: must be at least 1, is %d", c.Uses)
	case c.Lifetime < time.Minute:
		return fmt.Errorf("--lifetime: must be at least 1m, is %s", c.Lifetime)
	}
	return env.with(ctx, func(p *process) error {
		made := register.NewInitialAccessToken()
		t := storage.InitialAccessToken{
			ID: strings.ToLower(rand.Text()[:10]), Hash: storage.HashOf(made), Remaining: c.Uses,
			CreatedAt: now(), ExpiresAt: now().Add(c.Lifetime),
		}
		if err := p.db.AddInitialAccessToken(ctx, t); err != nil {
			return err
		}
		view := viewOfToken(t)
		view.Token = made
		if err := env.print(view, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "id     %s\ntoken  %s\n\nThe token is shown only now: it is not stored.\n", view.ID, view.Token)
		}); err != nil {
			return err
		}
		if p.config.Registration.Policy == "closed" {
			_, _ = fmt.Fprintln(env.stderr, "Nobody can register with it yet: registration.policy is closed.")
		}
		return nil
	})
}

type tokenDeleteCmd struct {
	ID string `arg:"" name:"id"`
}

// Run deletes a token.
func (c *tokenDeleteCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		err := p.db.DeleteInitialAccessToken(ctx, c.ID)
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("there is no token %q, see: gatelodge client token list", c.ID)
		}
		if err != nil {
			return err
		}
		return env.print(map[string]string{"deleted": c.ID}, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "Token %s is deleted.\n", c.ID)
		})
	})
}
