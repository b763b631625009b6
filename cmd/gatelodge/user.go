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

	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/storage"
)

type userCmd struct {
	List          userListCmd          `cmd:"" help:"List people."`
	Get           userGetCmd           `cmd:"" help:"Show a person, and what they can sign in with."`
	Create        userCreateCmd        `cmd:"" help:"Create a person; the password is read from standard input."`
	SetPassword   userSetPasswordCmd   `cmd:"" help:"Give a person a new password, read from standard input. All their sessions and tokens end."`
	Disable       userDisableCmd       `cmd:"" help:"Keep a person out. All their sessions and tokens end."`
	Enable        userEnableCmd        `cmd:"" help:"Let a disabled person in again."`
	Unlock        userUnlockCmd        `cmd:"" help:"Let a person try again at once who has tried too often to sign in."`
	Link          userLinkCmd          `cmd:"" help:"Make a link with which a person who is locked out can sign in once, and show it."`
	RemoveFactors userRemoveFactorsCmd `cmd:"" help:"Take a person's authenticator app, passkeys and recovery codes away, who has lost them."`
	Delete        userDeleteCmd        `cmd:"" help:"Delete a person with all that hangs on them."`
}

// userView is a person as the commands print them: the claims under their own
// names, and what only the operator knows.
type userView struct {
	Sub         string     `json:"sub"`
	Identifiers []string   `json:"identifiers"`
	DisabledAt  *time.Time `json:"disabled_at,omitempty"`
	storage.Claims
}

func viewOfUser(u storage.User) userView {
	v := userView{Sub: u.ID, Identifiers: u.Identifiers, Claims: u.Claims}
	if !u.DisabledAt.IsZero() {
		v.DisabledAt = &u.DisabledAt
	}
	return v
}

type userListCmd struct {
	After string `placeholder:"SUB" help:"Begin after this sub."`
	Limit int    `default:"100" help:"How many at most."`
}

// Validate checks the flags.
func (c *userListCmd) Validate() error {
	if c.Limit < 1 {
		return errors.New("--limit: must be at least 1")
	}
	return nil
}

// Run lists people, in the order of their subs.
func (c *userListCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		list, err := p.db.ListUsers(ctx, c.After, c.Limit)
		if err != nil {
			return err
		}
		views := make([]userView, 0, len(list))
		for _, u := range list {
			views = append(views, viewOfUser(u))
		}
		return env.print(views, func(w io.Writer) { printUsers(w, views, c.Limit) })
	})
}

func printUsers(w io.Writer, views []userView, limit int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SUB\tSIGNS IN AS\tNAME\tSTATE")
	for _, v := range views {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.Sub, strings.Join(v.Identifiers, ", "), v.Name, state(v))
	}
	_ = t.Flush()
	if len(views) == limit {
		_, _ = fmt.Fprintf(w, "\nThere may be more: gatelodge user list --after %s\n", views[len(views)-1].Sub)
	}
}

func state(v userView) string {
	if v.DisabledAt != nil {
		return "disabled since " + when(*v.DisabledAt)
	}
	return "active"
}

// person names the person that a command is about.
type person struct {
	Who string `arg:"" name:"who" help:"A username, an email address or a sub."`
}

// do finds the person, lets change do its part and prints what has become of
// the person.
func (c *person) do(ctx context.Context, env *environment, change func(*process, *storage.User) error) error {
	return env.with(ctx, func(p *process) error {
		u, err := p.findUser(ctx, c.Who)
		if err != nil {
			return err
		}
		if err := change(p, &u); err != nil {
			return err
		}
		v := viewOfUser(u)
		return env.print(v, func(w io.Writer) { printUsers(w, []userView{v}, 0) })
	})
}

func (p *process) findUser(ctx context.Context, who string) (storage.User, error) {
	identifier, err := account.Normalise(who)
	if err == nil {
		u, err := p.db.FindUserByIdentifier(ctx, identifier)
		if !errors.Is(err, storage.ErrNotFound) {
			return u, err
		}
	}
	u, err := p.db.FindUser(ctx, who)
	if errors.Is(err, storage.ErrNotFound) {
		return u, fmt.Errorf("there is nobody with the username, email address or sub %q", who)
	}
	return u, err
}

// save stores a changed person, and tells clients if that ended sessions.
func (p *process) save(ctx context.Context, u *storage.User) error {
	u.UpdatedAt = now()
	if err := p.db.SaveUser(ctx, *u); err != nil {
		return err
	}
	p.deliver(ctx)
	return nil
}

type userCreateCmd struct {
	Username string `help:"What they sign in with, beside the email address."`
	Email    string `help:"Their email address."`
	Name     string `help:"Their full name."`
}

// Validate checks the flags.
func (c *userCreateCmd) Validate() error {
	if c.Username == "" && c.Email == "" {
		return errors.New("give them a --username or an --email to sign in with")
	}
	return nil
}

// Run creates a person.
func (c *userCreateCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		u := storage.User{
			ID: rand.Text(), CreatedAt: now(), UpdatedAt: now(),
			Claims: storage.Claims{Name: c.Name, PreferredUsername: c.Username, Email: c.Email},
		}
		for _, name := range []string{c.Username, c.Email} {
			if name == "" {
				continue
			}
			identifier, err := account.Normalise(name)
			if err != nil {
				return fmt.Errorf("%q cannot be signed in with: %w", name, err)
			}
			u.Identifiers = append(u.Identifiers, identifier)
		}
		if err := p.readPassword(ctx, env, &u); err != nil {
			return err
		}
		err := p.db.SaveUser(ctx, u)
		if errors.Is(err, storage.ErrConflict) {
			return errors.New("somebody has that username or email address already")
		}
		if err != nil {
			return err
		}
		v := viewOfUser(u)
		return env.print(v, func(w io.Writer) { printUsers(w, []userView{v}, 0) })
	})
}

// readPassword sets the password to one that is read.
func (p *process) readPassword(ctx context.Context, env *environment, u *storage.User) error {
	password, err := env.readPassword()
	if err != nil {
		return err
	}
	if err := provider.PasswordPolicy(p.config).Check(password, account.About(*u)...); err != nil {
		return err
	}
	u.PasswordHash, err = p.hasher.Hash(ctx, password)
	return err
}

type userSetPasswordCmd struct{ person }

// Run gives a person a new password.
func (c *userSetPasswordCmd) Run(ctx context.Context, env *environment) error {
	return c.do(ctx, env, func(p *process, u *storage.User) error {
		typed := *u
		if err := p.readPassword(ctx, env, &typed); err != nil {
			return err
		}
		// While it was typed, the person may have been disabled.
		var err error
		if *u, err = p.db.FindUser(ctx, u.ID); err != nil {
			return err
		}
		u.PasswordHash = typed.PasswordHash
		return p.save(ctx, u)
	})
}

type userDisableCmd struct{ person }

// Run keeps a person out.
func (c *userDisableCmd) Run(ctx context.Context, env *environment) error {
	return c.do(ctx, env, func(p *process, u *storage.User) error {
		if u.DisabledAt.IsZero() {
			u.DisabledAt = now()
		}
		return p.save(ctx, u)
	})
}

type userEnableCmd struct{ person }

// Run lets a person in again.
func (c *userEnableCmd) Run(ctx context.Context, env *environment) error {
	return c.do(ctx, env, func(p *process, u *storage.User) error {
		u.DisabledAt = time.Time{}
		return p.save(ctx, u)
	})
}

type userDeleteCmd struct{ person }

// Run deletes a person.
func (c *userDeleteCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		u, err := p.findUser(ctx, c.Who)
		if err != nil {
			return err
		}
		if err := p.db.DeleteUser(ctx, u.ID, now()); err != nil {
			return err
		}
		p.deliver(ctx)
		return env.print(map[string]string{"deleted": u.ID}, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%s is deleted.\n", c.Who)
		})
	})
}
