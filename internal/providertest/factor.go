package providertest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/mail"
	"github.com/gatelodge/gatelodge/storage"
)

// App is an authenticator app with one account in it.
type App struct{ Secret []byte }

// AppOf scans the QR code of a page, or rather the link beside it.
func AppOf(t testing.TB, page Response) *App {
	t.Helper()
	m := regexp.MustCompile(`href="(otpauth:[^"]*)"`).FindStringSubmatch(page.Body)
	if m == nil {
		t.Fatalf("no authenticator app can be added: status %d, body %q", page.StatusCode, page.Body)
	}
	u, err := url.Parse(html.UnescapeString(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := base32.StdEncoding.DecodeString(u.Query().Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return &App{secret}
}

// Code is what the app shows at the time, RFC 6238.
func (a *App) Code(at time.Time) string {
	h := hmac.New(sha1.New, a.Secret)
	_ = binary.Write(h, binary.BigEndian, at.Unix()/30)
	sum := h.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1_000_000)
}

// keeper makes factors for the provider's people.
func (p *Provider) keeper(t testing.TB) *factor.Keeper {
	t.Helper()
	k, err := factor.New(factor.Config{
		Issuer: p.Config.Issuer, Name: "Gatelodge", Secrets: p.Secrets, Mails: mail.NewSealer(p.Secrets),
		Lifetime: time.Hour, Now: p.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Factors returns what the user has.
func (p *Provider) Factors(t testing.TB, userID string) storage.Factors {
	t.Helper()
	has, err := p.Store.FindFactors(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// AddApp gives the user an authenticator app, and recovery codes if they had none.
// Its code is good from the next step on.
func (p *Provider) AddApp(t testing.TB, userID string) (*App, []string) {
	t.Helper()
	k, user := p.keeper(t), p.user(t, userID)
	_, ceremony := k.BeginTOTP(&user)
	app := &App{ceremony.Secret}
	added, err := k.FinishTOTP(&user, ceremony, app.Code(p.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	w := storage.Write{Key: rand.Text(), Now: p.Clock.Now()}
	codes := k.AddTOTP(&w, factor.Owner{User: &user, Factors: p.Factors(t, userID)}, added)
	if err := p.Store.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(30 * time.Second)
	return app, codes
}

// AddPasskey gives the user a passkey of the authenticator.
func (p *Provider) AddPasskey(t testing.TB, userID string, a *Authenticator) {
	t.Helper()
	k, user := p.keeper(t), p.user(t, userID)
	has := p.Factors(t, userID)
	options, ceremony := k.BeginNewPasskey(&user, has.Passkeys)
	passkey, spent, err := k.FinishNewPasskey(&user, has.Passkeys, ceremony, a.Create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	w := storage.Write{Key: rand.Text(), Now: p.Clock.Now()}
	k.AddPasskey(&w, factor.Owner{User: &user, Factors: has}, passkey, spent)
	if err := p.Store.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

func (p *Provider) user(t testing.TB, id string) storage.User {
	t.Helper()
	u, err := p.Store.FindUser(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Authenticator makes and uses passkeys as browsers do, WebAuthn §6, for one origin.
type Authenticator struct {
	Origin string
	// Verifies: the person proves themselves to it. Synced: its passkeys are backed up.
	Verifies, Synced bool
	// Count is its signature counter, which goes up with each use; 0 stays.
	Count uint32

	id, user []byte
	key      *ecdsa.PrivateKey
}

// Authenticator returns one that verifies its owner, at the provider's origin.
func (p *Provider) Authenticator() *Authenticator {
	return &Authenticator{Origin: p.Config.Issuer, Verifies: true, Synced: true}
}

type webauthnOptions struct {
	Challenge          string `json:"challenge"`
	User               struct{ ID string }
	AllowCredentials   []struct{ ID string }
	ExcludeCredentials []struct{ ID string }
}

func parseOptions(t testing.TB, options string) webauthnOptions {
	t.Helper()
	var o webauthnOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		t.Fatalf("options %q: %v", options, err)
	}
	return o
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *Authenticator) host(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(a.Origin)
	if err != nil {
		t.Fatal(err)
	}
	return u.Hostname()
}

// authData is the authenticator data, WebAuthn §6.1.
func (a *Authenticator) authData(t testing.TB, attested []byte) []byte {
	t.Helper()
	id := sha256.Sum256([]byte(a.host(t)))
	flags := byte(0x01)
	for bit, set := range map[byte]bool{0x04: a.Verifies, 0x18: a.Synced, 0x40: attested != nil} {
		if set {
			flags |= bit
		}
	}
	return slices.Concat(id[:], []byte{flags}, binary.BigEndian.AppendUint32(nil, a.Count), attested)
}

func (a *Authenticator) clientData(kind, challenge string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, challenge, a.Origin)
}

// Create answers PublicKeyCredentialCreationOptionsJSON with a new passkey.
func (a *Authenticator) Create(t testing.TB, options string) string {
	t.Helper()
	o := parseOptions(t, options)
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if a.user, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
		t.Fatal(err)
	}
	a.id = make([]byte, 32)
	_, _ = rand.Read(a.id)
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	cose := slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32}, public[1:33], []byte{0x22, 0x58, 32}, public[33:])
	attested := slices.Concat(make([]byte, 16), []byte{0, 32}, a.id, cose)
	data := a.authData(t, attested)
	object := slices.Concat([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), []byte{byte(len(data))}, data)
	return a.answer(t, map[string]any{
		"clientDataJSON": b64(a.clientData("webauthn.create", o.Challenge)), "attestationObject": b64(object),
		"transports": []string{"internal", "hybrid", "telepathy"},
	})
}

// Get answers PublicKeyCredentialRequestOptionsJSON with the passkey.
func (a *Authenticator) Get(t testing.TB, options string) string {
	t.Helper()
	o := parseOptions(t, options)
	if a.Count > 0 {
		a.Count++
	}
	data, client := a.authData(t, nil), a.clientData("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	response := map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature)}
	if len(o.AllowCredentials) == 0 {
		response["userHandle"] = b64(a.user)
	}
	return a.answer(t, response)
}

func (a *Authenticator) answer(t testing.TB, response map[string]any) string {
	t.Helper()
	answer, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// Clone returns another authenticator with the same passkey.
func (a *Authenticator) Clone() *Authenticator {
	c := *a
	c.id = bytes.Clone(a.id)
	return &c
}

// PasskeyOptions are what a page asks of a passkey: to "get" or to "create" one.
func (r Response) PasskeyOptions(t testing.TB, kind string) string {
	t.Helper()
	m := regexp.MustCompile(`data-passkey="` + kind + `"[^>]* data-options="([^"]*)"`).FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatalf("the page asks for no passkey: status %d, body %q", r.StatusCode, r.Body)
	}
	return html.UnescapeString(m[1])
}

// RecoveryCodes are those that a page shows.
func (r Response) RecoveryCodes() []string {
	codes := map[string]bool{}
	for _, code := range regexp.MustCompile(`<code>([0-9A-Z]{4}(-[0-9A-Z]{4}){3})</code>`).FindAllStringSubmatch(r.Body, -1) {
		codes[code[1]] = true
	}
	return slices.Sorted(maps.Keys(codes))
}

// Localhost has the issuer be at localhost, where there can be passkeys.
func Localhost(issuer string) string { return strings.Replace(issuer, "127.0.0.1", "localhost", 1) }
