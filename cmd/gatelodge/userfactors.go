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
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// factorsView is what somebody can prove themselves with beside the password.
type factorsView struct {
	userView
	Password      bool     `json:"password"`
	TOTP          bool     `json:"totp"`
	Passkeys      []string `json:"passkeys"`
	RecoveryCodes int      `json:"recovery_codes"`
}

func viewOfFactors(u storage.User, f storage.Factors) factorsView {
	v := factorsView{
		userView: viewOfUser(u), Password: u.PasswordHash != "", TOTP: f.TOTP != nil,
		Passkeys: []string{}, RecoveryCodes: f.RecoveryCodes,
	}
	for _, p := range f.Passkeys {
		v.Passkeys = append(v.Passkeys, p.Name)
	}
	return v
}

func (v factorsView) table(w io.Writer) {
	printUsers(w, []userView{v.userView}, 0)
	_, _ = fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "Password\t%s\nAuthenticator app\t%s\n", yes(v.Password), yes(v.TOTP))
	_, _ = fmt.Fprintf(t, "Passkeys\t%d  %s\nRecovery codes\t%d\n", len(v.Passkeys), strings.Join(v.Passkeys, ", "), v.RecoveryCodes)
	_ = t.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type userGetCmd struct{ person }

// Run shows a person, and what they can sign in with.
func (c *userGetCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		u, err := p.findUser(ctx, c.Who)
		if err != nil {
			return err
		}
		f, err := p.db.FindFactors(ctx, u.ID)
		if err != nil {
			return err
		}
		v := viewOfFactors(u, f)
		return env.print(v, v.table)
	})
}

type userUnlockCmd struct{ person }

// Run lets somebody try again who has tried too often, or at whose account others have.
func (c *userUnlockCmd) Run(ctx context.Context, env *environment) error {
	return c.do(ctx, env, func(p *process, u *storage.User) error { return p.db.Unlock(ctx, u.ID) })
}

type userRemoveFactorsCmd struct{ person }

// Run takes away all that somebody proves themselves with beside the password, who has
// lost it. They are told.
func (c *userRemoveFactorsCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err // the notices are sealed
		}
		u, err := p.findUser(ctx, c.Who)
		if err != nil {
			return err
		}
		f, err := p.db.FindFactors(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, w := range p.removals(u, f) {
			if err := p.db.Apply(ctx, w); err != nil {
				return err
			}
		}
		p.deliver(ctx)
		v := viewOfFactors(u, storage.Factors{})
		return env.print(v, v.table)
	})
}

// removals take the factors away, the recovery codes with the first: a command that
// is interrupted leaves less than there was, and can be run again.
func (p *process) removals(u storage.User, f storage.Factors) []storage.Write {
	var writes []storage.Write
	add := func(change storage.UserChange, factor string, event account.Event) {
		change.UserID, change.RecoveryCodes = u.ID, []storage.Hash{}
		notice := account.Notice(mail.FactorRemoved, &u, account.Origin{}, now())
		notice.Factor = factor
		w := storage.Write{
			Key: rand.Text(), Now: now(), Change: &change,
			Activity: []storage.Activity{account.Happened(u.ID, event, "", account.Origin{}, now())},
		}
		if notice.To != "" {
			w.Mails = append(w.Mails, mail.NewSealer(p.secrets).Seal(notice))
		}
		writes = append(writes, w)
	}
	if f.TOTP != nil {
		add(storage.UserChange{RemoveTOTP: true}, "totp", account.TOTPRemoved)
	}
	for _, passkey := range f.Passkeys {
		add(storage.UserChange{RemovePasskey: passkey.ID}, "passkey", account.PasskeyRemoved)
	}
	return writes
}

type userLinkCmd struct{ person }

// Run makes a link with which somebody can sign in once.
func (c *userLinkCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(p *process) error {
		if err := p.needSecret(ctx); err != nil {
			return err // the link is sealed
		}
		if p.config.Issuer == "" || p.config.Mail.URL == "" {
			return errors.New("run it with the provider's settings: issuer and mail.url, without which there is no page for links")
		}
		u, err := p.findUser(ctx, c.Who)
		if err != nil {
			return err
		}
		link, expires, err := provider.Links(p.config, p.db, p.secrets, now).Hand(ctx, &u)
		if err != nil {
			return err
		}
		v := map[string]any{"link": link, "expires_at": expires}
		return env.print(v, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%s\n\nWhoever opens it before %s is signed in as %s, once.\n", link, when(expires), c.Who)
		})
	})
}
