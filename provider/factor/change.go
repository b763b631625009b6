package factor

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// The names of factors in notices: [mail.Message].
const (
	noticeTOTP     = "totp"
	noticePasskey  = "passkey"
	noticeRecovery = "recovery_codes"
)

// Owner is somebody who changes their own factors.
type Owner struct {
	User    *storage.User
	Factors storage.Factors
	From    account.Origin
	// Languages are those of the browser, the best first.
	Languages []string
}

// AddTOTP has the write add the authenticator app. It returns the recovery codes to
// show, once, if it is the owner's first factor.
func (k *Keeper) AddTOTP(w *storage.Write, o Owner, t *storage.TOTP) []string {
	change(w, o).SetTOTP = t
	k.note(w, o, account.TOTPAdded, mail.FactorAdded, noticeTOTP)
	return k.firstCodes(w, o)
}

// RemoveTOTP has the write take the authenticator app away. It fails with ErrLast.
func (k *Keeper) RemoveTOTP(w *storage.Write, o Owner) error {
	rest := o.Factors
	rest.TOTP = nil
	if err := k.allow(rest); err != nil {
		return err
	}
	change(w, o).RemoveTOTP = true
	k.note(w, o, account.TOTPRemoved, mail.FactorRemoved, noticeTOTP)
	dropCodes(w, o, rest)
	return nil
}

// AddPasskey has the write add the passkey and use up the challenge that it answers.
// It returns the recovery codes to show, once, if it is the owner's first factor.
func (k *Keeper) AddPasskey(w *storage.Write, o Owner, p *storage.Passkey, spent *storage.Assertion) []string {
	change(w, o).AddPasskey = p
	w.Assertion = spent
	k.note(w, o, account.PasskeyAdded, mail.FactorAdded, noticePasskey)
	return k.firstCodes(w, o)
}

// RemovePasskey has the write take the passkey away. It fails with ErrLast, and with
// [storage.ErrNotFound] if it is not one of the owner's.
func (k *Keeper) RemovePasskey(w *storage.Write, o Owner, id []byte) error {
	i, err := find(o, id)
	if err != nil {
		return err
	}
	rest := o.Factors
	rest.Passkeys = slices.Delete(slices.Clone(rest.Passkeys), i, i+1)
	if err := k.allow(rest); err != nil {
		return err
	}
	change(w, o).RemovePasskey = id
	k.note(w, o, account.PasskeyRemoved, mail.FactorRemoved, noticePasskey)
	dropCodes(w, o, rest)
	return nil
}

// RenamePasskey has the write call the passkey something else. It fails with
// ErrWrong for what cannot be a name, and with [storage.ErrNotFound] if the passkey
// is not one of the owner's.
func (k *Keeper) RenamePasskey(w *storage.Write, o Owner, id []byte, name string) error {
	if _, err := find(o, id); err != nil {
		return err
	}
	if name = cleanName(name); name == "" {
		return fmt.Errorf("%w: no name for a passkey", ErrWrong)
	}
	change(w, o).RenamePasskey = &storage.PasskeyName{ID: id, Name: name}
	return nil
}

// NewCodes has the write replace all recovery codes. It returns them, to be shown
// once.
func (k *Keeper) NewCodes(w *storage.Write, o Owner) []string {
	codes, hashes := NewRecoveryCodes(o.User.ID)
	change(w, o).RecoveryCodes = hashes
	k.note(w, o, account.RecoveryCodesMade, mail.FactorAdded, noticeRecovery)
	return codes
}

// firstCodes makes recovery codes for who has none.
func (k *Keeper) firstCodes(w *storage.Write, o Owner) []string {
	if o.Factors.RecoveryCodes > 0 {
		return nil
	}
	codes, hashes := NewRecoveryCodes(o.User.ID)
	change(w, o).RecoveryCodes = hashes
	return codes
}

// dropCodes takes the recovery codes away with the last factor that they stood in
// for.
func dropCodes(w *storage.Write, o Owner, rest storage.Factors) {
	if !Has(rest) {
		change(w, o).RecoveryCodes = []storage.Hash{}
	}
}

// allow: the policy lets the owner have no more than the rest.
func (k *Keeper) allow(rest storage.Factors) error {
	if k.Required && !Has(rest) {
		return ErrLast
	}
	return nil
}

func find(o Owner, id []byte) (int, error) {
	i := slices.IndexFunc(o.Factors.Passkeys, func(p storage.Passkey) bool { return bytes.Equal(p.ID, id) })
	if i < 0 {
		return 0, storage.ErrNotFound
	}
	return i, nil
}

func change(w *storage.Write, o Owner) *storage.UserChange {
	if w.Change == nil {
		w.Change = &storage.UserChange{UserID: o.User.ID}
	}
	return w.Change
}

// note records the event, and tells the owner of it by mail: it may have been
// somebody else.
func (k *Keeper) note(w *storage.Write, o Owner, event account.Event, kind mail.Kind, factor string) {
	now := k.Now()
	w.Activity = append(w.Activity, account.Happened(o.User.ID, event, "", o.From, now))
	notice := account.Notice(kind, o.User, o.From, now)
	if notice.To == "" {
		return
	}
	notice.Factor = factor
	notice.Languages = append(notice.Languages, o.Languages...)
	w.Mails = append(w.Mails, k.Mails.Seal(notice))
}
