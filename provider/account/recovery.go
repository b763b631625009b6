package account

import (
	"context"
	"fmt"
	"time"

	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// noticeLifetime is how long a notice is worth to be delivered.
const noticeLifetime = 3 * 24 * time.Hour

// Ask begins what somebody needs a mail for who cannot or does not want to enter a
// password: ToSignIn or ToReset. It is for [Links.Send]. It fails with ErrEmail if
// what was entered is nobody's for its form alone, or with ErrTooMany.
func (l *Links) Ask(ctx context.Context, p Purpose, entered string, from Origin) (Draft, error) {
	if _, err := Normalise(entered); err != nil {
		return Draft{}, ErrEmail
	}
	if err := l.countNetwork(ctx, p, from); err != nil {
		return Draft{}, err
	}
	return Draft{Purpose: p, Entered: entered}, nil
}

// SignIn uses a link to sign in with. It fails with [ErrLink].
func (l *Links) SignIn(ctx context.Context, found Found, a Arrival) (Outcome, error) {
	w := storage.Write{}
	if !found.operator {
		w.Change = found.verified()
	}
	if err := l.use(ctx, found, w); err != nil {
		return Outcome{}, err
	}
	if found.operator {
		return l.enter(ctx, found.User.ID, found.User.Identifiers[0], byOperator, a)
	}
	return l.proved(ctx, found, a)
}

// ResetPassword uses a link to choose a password. It ends all sessions and grants of
// the person's, and tells them. It fails with ErrPassword, [ErrLink] or [ErrBusy].
func (l *Links) ResetPassword(ctx context.Context, found Found, password string, a Arrival) (Outcome, error) {
	hash, err := l.newHash(ctx, password, About(*found.User)...)
	if err != nil {
		return Outcome{}, err
	}
	change := found.verified()
	if change == nil {
		change = &storage.UserChange{UserID: found.User.ID}
	}
	change.PasswordHash = &hash
	now := l.Now()
	err = l.use(ctx, found, storage.Write{
		Change: change, Mails: []storage.Mail{l.Mails.Seal(Notice(mail.PasswordChanged, found.User, a.From, now))},
		Activity: []storage.Activity{Happened(found.User.ID, PasswordReset, found.ClientID, a.From, now)},
	})
	if err != nil {
		return Outcome{}, err
	}
	return l.proved(ctx, found, a)
}

// verified is the change that a proof of the user's own address makes, nil if that
// was proved before.
func (f Found) verified() *storage.UserChange {
	if f.User.Claims.EmailVerified {
		return nil
	}
	f.User.Claims.EmailVerified = true
	return &storage.UserChange{UserID: f.User.ID, Claims: &f.User.Claims}
}

// proved is a person who has shown that they read the mail of their address, for
// which RFC 8176 has no value.
func (l *Links) proved(ctx context.Context, found Found, a Arrival) (Outcome, error) {
	identifier, err := Normalise(found.Email)
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	return l.enter(ctx, found.User.ID, identifier, "email", a)
}

// enter lets somebody in who has used a link up, as a password that was right would:
// the counters of attempts are taken back. Whatever they say, the link is good.
func (l *Links) enter(ctx context.Context, userID, identifier, amr string, a Arrival) (Outcome, error) {
	state, err := l.Store.CountAttempt(ctx, storage.Attempt{
		UserID: userID, Network: a.From.Network, Window: l.Limits.Window, Now: l.Now(), ConsentFor: a.ConsentFor,
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("find who the link is of: %w", err)
	}
	if state.User == nil || !active(state.User, l.Now()) {
		return Outcome{}, fmt.Errorf("%w: the account is disabled or deleted", ErrLink)
	}
	return Outcome{
		User: *state.User, AMR: []string{amr}, Factors: state.Factors, Identifier: identifier, Consent: state.Consent,
		Succeeded: &storage.Success{AccountKey: state.AccountKey, NetworkKey: state.NetworkKey},
	}, nil
}

// Notice tells the person of something that has happened to their account. Its To is
// "" if they have no address that mail may go to.
func Notice(kind mail.Kind, u *storage.User, from Origin, now time.Time) mail.Message {
	m := mail.Message{
		Kind: kind, To: mailbox(u), Name: u.Claims.Name, Network: from.Network, UserAgent: from.UserAgent,
		At: now, ExpiresAt: now.Add(noticeLifetime),
	}
	if u.Claims.Locale != "" {
		m.Languages = []string{u.Claims.Locale}
	}
	return m
}
