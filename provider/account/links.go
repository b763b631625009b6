package account

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// Purpose is what using a link does, as it is stored: [storage.Link].
type Purpose string

// The purposes, as the pages tell them apart.
const (
	ToSignUp      Purpose = consentui.ToSignUp
	ToSignIn      Purpose = consentui.ToSignIn
	ToReset       Purpose = consentui.ToReset
	ToVerifyEmail Purpose = consentui.ToVerifyEmail
	ToChangeEmail Purpose = consentui.ToChangeEmail
)

// lifetimeOf is how long a link is good. Mail that is held back by a server that
// does not know ours yet comes within a quarter of an hour.
func lifetimeOf(p Purpose) time.Duration {
	switch p {
	case ToSignIn, ToReset:
		return 30 * time.Minute
	case ToSignUp:
		return 2 * time.Hour
	case ToVerifyEmail, ToChangeEmail:
		return 24 * time.Hour
	}
	return 0
}

// The reasons why a link or a code does nothing, beside an outage.
var (
	// ErrLink: it was used, has expired, was never made, or is of somebody who is
	// not there any more, or not at that address.
	ErrLink = errors.New("the link is not good any more")
	// ErrCode: the code is wrong, and may be typed again.
	ErrCode = errors.New("the code is wrong")
)

const (
	// codeAttempts is how often a code may be typed.
	codeAttempts = 5
	// mailsPerAddress is how many mails of a kind an address, or a person, gets in
	// mailWindow. Whoever asks for more is not told.
	mailsPerAddress = 3
	// asksPerNetwork is how often a network may ask for mails of a kind in mailWindow.
	asksPerNetwork = 20
	mailWindow     = time.Hour
)

// LinkStore is what [Links] ask of storage.
type LinkStore interface {
	Apply(ctx context.Context, w storage.Write) error
	Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error)
	FindUser(ctx context.Context, id string) (storage.User, error)
	FindUserByIdentifier(ctx context.Context, identifier string) (storage.User, error)
	FindLink(ctx context.Context, token storage.Hash, now time.Time) (storage.Link, *storage.User, error)
	CountLinkAttempt(ctx context.Context, id string, now time.Time) (storage.Link, *storage.User, error)
	CountAttempt(ctx context.Context, a storage.Attempt) (storage.AttemptState, error)
}

// Links mail people what proves that an address is theirs, and do what they asked
// for once it is proved. An address that nobody has gets the same answer after the
// same work as any other.
type Links struct {
	Issuer string
	Store  LinkStore
	Hasher *Hasher
	// Passwords is which ones may be chosen.
	Passwords Policy
	Limits    Limits
	// Data seals what a link holds, and Codes makes the MAC of codes.
	Data, Codes *secret.Key
	Mails       mail.Sealer
	Now         func() time.Time
}

// Asked is who asks for a mail, and in what they are interrupted by it.
type Asked struct {
	From Origin
	// Languages are those of the browser, the best first.
	Languages []string
	// Flow is what the browser resumes with when the link comes back to it.
	Flow string
	// ClientID and App are the application that the person is on the way to.
	ClientID, App string
}

// Arrival is who uses a link, and where they are on their way to.
type Arrival struct {
	From Origin
	// ConsentFor is a client id: → [Outcome.Consent].
	ConsentFor string
}

// Draft is what somebody asks a link for. A page that waits for the code keeps it,
// sealed, so that the mail can be sent again.
type Draft struct {
	Purpose Purpose `json:"p"`
	// Entered is the address, or the username, as it was typed.
	Entered string `json:"e"`
	// Name and PasswordHash are of the account that somebody wants to have.
	Name         string `json:"n,omitempty"`
	PasswordHash string `json:"h,omitempty"`
	// UserID is whose address is to be verified or changed.
	UserID string `json:"u,omitempty"`
}

// linkData is what a link holds beside what the database can see.
type linkData struct {
	Name         string `json:"n,omitempty"`
	PasswordHash string `json:"h,omitempty"`
	Flow         string `json:"f,omitempty"`
	ClientID     string `json:"c,omitempty"`
	// Operator: see [Links.Hand].
	Operator bool `json:"o,omitempty"`
}

// Found is a link that was good when it was found.
type Found struct {
	Purpose Purpose
	// Email is the address that it proves.
	Email string
	// User is whose it is, nil if they have no account yet; Name is what they want
	// to be called then.
	User *storage.User
	Name string
	// Flow and ClientID are those of [Asked].
	Flow, ClientID string

	hash         storage.Hash
	passwordHash string
	operator     bool
}

// Find finds a link by its token, and does not use it. It fails with ErrLink.
func (l *Links) Find(ctx context.Context, token string) (Found, error) {
	link, user, err := l.Store.FindLink(ctx, storage.HashOf(token), l.Now())
	if err != nil {
		return Found{}, notFound(err)
	}
	return l.open(link, user)
}

// Type finds a link by the id that [Links.Send] returned and its code. It fails with
// ErrCode, and with ErrLink after five codes that were wrong. A link that nobody gets
// has a code that is never right: what else is wrong with it comes after that.
func (l *Links) Type(ctx context.Context, id, code string) (Found, error) {
	link, user, err := l.Store.CountLinkAttempt(ctx, id, l.Now())
	switch {
	case err != nil:
		return Found{}, notFound(err)
	case link.Attempts > codeAttempts:
		return Found{}, fmt.Errorf("%w: too many codes were typed", ErrLink)
	case !l.Codes.Verify(link.CodeHash[:], []byte(link.ID), []byte(plainCode(code))):
		return Found{}, ErrCode
	}
	return l.open(link, user)
}

// notFound is ErrLink where storage has no link, and an outage stays one.
func notFound(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return ErrLink
	}
	return fmt.Errorf("find the link: %w", err)
}

func (l *Links) open(link storage.Link, user *storage.User) (Found, error) {
	plain, err := l.Data.Open(link.SealedData, []byte(link.ID))
	if err != nil {
		return Found{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	var data linkData
	if err := json.Unmarshal(plain, &data); err != nil {
		return Found{}, fmt.Errorf("read the link: %w", err)
	}
	f := Found{
		Purpose: Purpose(link.Purpose), Email: link.Email, User: user, Name: data.Name, Flow: data.Flow,
		ClientID: data.ClientID, hash: link.Hash, passwordHash: data.PasswordHash, operator: data.Operator,
	}
	if err := f.check(l.Now()); err != nil {
		return Found{}, err
	}
	return f, nil
}

// check: whoever the link was mailed to still is who they were.
func (f Found) check(now time.Time) error {
	switch {
	case f.User == nil && f.Purpose != ToSignUp:
		return fmt.Errorf("%w: nobody's", ErrLink) // which is never mailed
	case f.User == nil:
		return nil
	case !active(f.User, now):
		return fmt.Errorf("%w: the account is disabled or deleted", ErrLink)
	case f.Purpose != ToChangeEmail && f.User.Claims.Email != f.Email:
		return fmt.Errorf("%w: the address is not the person's any more", ErrLink)
	}
	return nil
}

// active: the person may sign in, perhaps to keep an account that waits to be deleted.
func active(u *storage.User, now time.Time) bool {
	return u.DisabledAt.IsZero() && (u.DeletesAt.IsZero() || u.DeletesAt.After(now))
}

// Send mails what the draft is about, and returns the id of the link, for
// [Links.Type]. Nobody can tell whether a mail was sent. It takes three round trips
// to storage.
func (l *Links) Send(ctx context.Context, d Draft, a Asked) (string, error) {
	now := l.Now()
	user, err := l.recipient(ctx, d)
	if err != nil {
		return "", err
	}
	count, err := l.Store.Count(ctx, "mail:"+string(d.Purpose)+":"+whom(d, user), mailWindow, now)
	if err != nil {
		return "", fmt.Errorf("count the mails: %w", err)
	}
	link, message := l.compose(d, a, user, now)
	if count > mailsPerAddress {
		message.To = ""
	}
	if message.To == "" {
		link.Hash = storage.HashOf(rand.Text()) // and so is its code one that nobody gets
		link.UserID, message.ExpiresAt = "", now.Add(-time.Minute)
	}
	err = l.Store.Apply(ctx, storage.Write{
		Key: rand.Text(), Now: now, Links: []storage.Link{link}, Mails: []storage.Mail{l.Mails.Seal(message)},
	})
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // deleted meanwhile, who then hears nothing
		return "", fmt.Errorf("store the link: %w", err)
	}
	return link.ID, nil
}

// whom names the person whose mails are counted, or the address if nobody has it.
func whom(d Draft, user *storage.User) string {
	switch {
	case d.UserID != "":
		return d.UserID
	case user != nil:
		return user.ID
	}
	identifier, _ := Normalise(d.Entered)
	return identifier
}

// Again mails the draft once more.
func (l *Links) Again(ctx context.Context, d Draft, a Asked) (string, error) {
	if err := l.countNetwork(ctx, d.Purpose, a.From); err != nil {
		return "", err
	}
	return l.Send(ctx, d, a)
}

// recipient is whose the address of the draft is, nil if it is nobody's.
func (l *Links) recipient(ctx context.Context, d Draft) (*storage.User, error) {
	var user storage.User
	var err error
	if d.UserID != "" && d.Purpose == ToVerifyEmail {
		user, err = l.Store.FindUser(ctx, d.UserID)
	} else {
		identifier, _ := Normalise(d.Entered)
		user, err = l.Store.FindUserByIdentifier(ctx, identifier)
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil //nolint:nilnil // nobody is an answer
	case err != nil:
		return nil, fmt.Errorf("find whose the address is: %w", err)
	}
	return &user, nil
}

// compose returns the link and the message that carries it, whose To is "" if there
// is nobody to send it to.
func (l *Links) compose(d Draft, a Asked, user *storage.User, now time.Time) (storage.Link, mail.Message) {
	token, code, id := secret.Token(""), newCode(), rand.Text()
	expires := now.Add(lifetimeOf(d.Purpose))
	m := mail.Message{
		Languages: a.Languages, App: a.App, Network: a.From.Network, UserAgent: a.From.UserAgent,
		At: now, ExpiresAt: expires, Link: l.Issuer + "/link?" + query(token, a.ClientID), Code: show(code),
	}
	link := storage.Link{
		ID: id, Hash: storage.HashOf(token), Purpose: string(d.Purpose), CreatedAt: now, ExpiresAt: expires,
		CodeHash: storage.Hash(l.Codes.MAC([]byte(id), []byte(code))),
		SealedData: l.seal(id, linkData{
			Name: d.Name, PasswordHash: d.PasswordHash, Flow: a.Flow, ClientID: a.ClientID,
		}),
	}
	l.address(&m, &link, d, user)
	link.Email = m.To
	if link.Email == "" {
		link.Email = d.Entered
	}
	return link, m
}

// address says what the message is and whom it goes to.
func (l *Links) address(m *mail.Message, link *storage.Link, d Draft, user *storage.User) {
	taken := user != nil && user.ID != d.UserID
	switch {
	case d.Purpose == ToSignUp && !taken:
		// Without the name: nobody can have us write something of theirs to others.
		m.Kind, m.To = mail.ConfirmSignUp, d.Entered
		return
	case d.Purpose == ToChangeEmail && !taken:
		m.Kind, m.To, link.UserID = mail.VerifyEmail, d.Entered, d.UserID
		return
	case user == nil || !active(user, m.At):
		return
	}
	m.To, m.Name = mailbox(user), user.Claims.Name
	if locale := user.Claims.Locale; locale != "" {
		m.Languages = append([]string{locale}, m.Languages...)
	}
	switch d.Purpose {
	case ToSignIn:
		m.Kind, link.UserID = mail.SignInLink, user.ID
	case ToReset:
		m.Kind, link.UserID, m.Code = mail.ResetPassword, user.ID, ""
	case ToVerifyEmail:
		m.Kind, link.UserID = mail.VerifyEmail, user.ID
	default: // somebody wants to have the address that is somebody's already
		m.Kind, m.Link, m.Code = mail.AlreadySignedUp, l.Issuer+"/account", ""
		link.Hash = storage.HashOf(rand.Text())
		link.CodeHash = storage.Hash(l.Codes.MAC([]byte(link.ID), []byte(newCode())))
	}
}

// mailbox is where mail for the person goes: to their address, if it is verified or
// they sign in with it. It is "" without one.
func mailbox(u *storage.User) string {
	if u.Claims.EmailVerified {
		return u.Claims.Email
	}
	identifier, err := Normalise(u.Claims.Email)
	if err != nil || !slices.Contains(u.Identifiers, identifier) {
		return ""
	}
	return u.Claims.Email
}

func (l *Links) seal(id string, data linkData) []byte {
	plain, err := json.Marshal(data)
	if err != nil {
		panic(err) // strings always marshal
	}
	return l.Data.Seal(plain, []byte(id))
}

func query(token, clientID string) string {
	q := url.Values{"token": {token}}
	if clientID != "" { // for a way on from a link that is not good any more
		q.Set("app", clientID)
	}
	return q.Encode()
}

// codeAlphabet has no two characters that look alike.
const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// newCode returns 40 random bits.
func newCode() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	for i, b := range random {
		random[i] = codeAlphabet[int(b)%len(codeAlphabet)] // of which there are 32
	}
	return string(random)
}

func show(code string) string { return code[:4] + "-" + code[4:] }

// plainCode is a code as newCode made it, however it was typed.
func plainCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\u00a0' || r == '\u2011' || r == '\u2013' {
			return -1
		}
		return r
	}, strings.ToUpper(typed))
}
