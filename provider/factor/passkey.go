package factor

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatelodge/gatelodge/storage"
)

const (
	challengeBytes = 32 // WebAuthn §13.4.3 asks for 16
	// maxPasskeys is how many one person can have, and maxAnswer how long an
	// authenticator's answer can be, in bytes.
	maxPasskeys = 25
	maxAnswer   = 16 << 10
	maxKeyName  = 60
	// ceremonyTimeout is how long the browser waits for the person, in
	// milliseconds.
	ceremonyTimeout = 300_000
	// assertionClient is what marks used challenges, beside the clients whose
	// assertions are marked so: no client has the name.
	assertionClient = "webauthn challenges"
)

// algorithms are those a passkey may have, the best first.
func algorithms() []webauthncose.COSEAlgorithmIdentifier {
	return []webauthncose.COSEAlgorithmIdentifier{
		webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256,
	}
}

// owner is a user as WebAuthn sees them.
type owner struct {
	user     *storage.User
	passkeys []storage.Passkey
}

// WebAuthnID is the user handle: it tells nothing of the person, [WebAuthn §14.6.1],
// nor of any sub that a client knows.
//
// [WebAuthn §14.6.1]: https://www.w3.org/TR/webauthn-3/#sctn-user-handle-privacy
func (o owner) WebAuthnID() []byte {
	sum := sha256.Sum256([]byte("webauthn user handle " + o.user.ID))
	return sum[:]
}

func (o owner) WebAuthnName() string { return known(o.user) }

func (o owner) WebAuthnDisplayName() string {
	if o.user.Claims.Name == "" {
		return known(o.user)
	}
	return o.user.Claims.Name
}

func (o owner) WebAuthnCredentials() []webauthn.Credential {
	credentials := make([]webauthn.Credential, 0, len(o.passkeys))
	for _, p := range o.passkeys {
		credentials = append(credentials, webauthn.Credential{
			ID: p.ID, PublicKey: p.PublicKey,
			Flags:         webauthn.CredentialFlags{BackupEligible: p.BackupEligible, BackupState: p.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.SignCount},
		})
	}
	return credentials
}

// descriptor is a PublicKeyCredentialDescriptorJSON.
type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

func descriptors(passkeys []storage.Passkey) []descriptor {
	list := make([]descriptor, 0, len(passkeys))
	for _, p := range passkeys {
		list = append(list, descriptor{"public-key", encode(p.ID), p.Transports})
	}
	return list
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// encoded is the value as JSON, for a page.
func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	return string(b)
}

func (k *Keeper) challenge(userID string, p purpose) Ceremony {
	c := k.begin(userID, p)
	c.Secret = make([]byte, challengeBytes)
	_, _ = rand.Read(c.Secret) // never fails, see crypto/rand
	return c
}

// BeginSignIn begins a sign-in with a passkey and nothing else: whoever has one
// here may answer, having proved themselves to it. It returns the
// PublicKeyCredentialRequestOptionsJSON of [WebAuthn §5.1.8].
//
// [WebAuthn §5.1.8]: https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialrequestoptionsjson
func (k *Keeper) BeginSignIn() (options string, c Ceremony) {
	c = k.challenge("", purposeGet)
	c.Verified = true
	return k.request(c, nil), c
}

// BeginPasskey begins to prove a factor with one of the user's passkeys. It must
// verify the person if it is to be enough by itself.
func (k *Keeper) BeginPasskey(user *storage.User, passkeys []storage.Passkey, verified bool) (options string, c Ceremony) {
	c = k.challenge(user.ID, purposeGet)
	c.Verified = verified
	return k.request(c, passkeys), c
}

func (k *Keeper) request(c Ceremony, passkeys []storage.Passkey) string {
	verification := protocol.VerificationPreferred
	if c.Verified {
		verification = protocol.VerificationRequired
	}
	return encoded(map[string]any{
		"challenge": encode(c.Secret), "rpId": k.passkeys.Config.RPID, "timeout": ceremonyTimeout,
		"userVerification": verification, "allowCredentials": descriptors(passkeys),
	})
}

// Answer is what a browser has sent of an authenticator's, not checked yet.
type Answer struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// ParseAnswer reads an AuthenticationResponseJSON. It fails with ErrWrong.
func ParseAnswer(answer string) (Answer, error) {
	if len(answer) > maxAnswer {
		return Answer{}, fmt.Errorf("%w: the answer is too long", ErrWrong)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return Answer{}, wrong(err)
	}
	return Answer{parsed}, nil
}

// ID is the passkey's.
func (a Answer) ID() []byte { return a.parsed.RawID }

// wrong is what the library has against an answer, as the log may see it.
func wrong(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Errorf("%w: %s: %s", ErrWrong, e.Type, e.Details)
	}
	return fmt.Errorf("%w: %w", ErrWrong, err)
}

// Proved is that somebody has used a passkey.
type Proved struct {
	// AMR is what it proves, more than one factor if the person has proved
	// themselves to it.
	AMR []string
	// Use and Spent are for the write: the challenge is good once.
	Use   *storage.PasskeyUse
	Spent *storage.Assertion
	// Suspect is why there may be two of a passkey that there should be one of,
	// nil if nothing says so. It is to be logged: the counter proves too little
	// to keep people out, [WebAuthn §6.1.1].
	//
	// [WebAuthn §6.1.1]: https://www.w3.org/TR/webauthn-3/#sctn-sign-counter
	Suspect error
}

// FinishPasskey checks the answer to a ceremony that the user began, or, if signIn,
// nobody in particular. It fails with ErrWrong, or ErrUnknown.
func (k *Keeper) FinishPasskey(user *storage.User, passkeys []storage.Passkey, c Ceremony, a Answer, signIn bool) (Proved, error) {
	if k.passkeys == nil {
		return Proved{}, fmt.Errorf("%w: there are no passkeys here", ErrWrong)
	}
	of := user.ID
	if signIn {
		of = ""
	}
	if err := k.check(c, of, purposeGet); err != nil {
		return Proved{}, err
	}
	i := slices.IndexFunc(passkeys, func(p storage.Passkey) bool { return bytes.Equal(p.ID, a.ID()) })
	if i < 0 {
		return Proved{}, ErrUnknown
	}
	o := owner{user, passkeys}
	if signIn && !bytes.Equal(a.parsed.Response.UserHandle, o.WebAuthnID()) {
		return Proved{}, fmt.Errorf("%w: the passkey is not of this user", ErrWrong)
	}
	state := k.state(c, o)
	credential, err := k.passkeys.ValidateLogin(o, state, a.parsed)
	if err != nil {
		return Proved{}, wrong(err)
	}
	flags := a.parsed.Response.AuthenticatorData.Flags
	proved := Proved{
		AMR:   methods(passkeys[i].BackupEligible, flags.HasUserVerified()),
		Use:   &storage.PasskeyUse{ID: a.ID(), SignCount: credential.Authenticator.SignCount, BackedUp: flags.HasBackupState()},
		Spent: k.spent(c),
	}
	if credential.Authenticator.CloneWarning {
		proved.Suspect = fmt.Errorf("the sign count of a passkey of sub %s went back: there may be two of it", user.ID)
	}
	return proved, nil
}

func methods(synced, verified bool) []string {
	amr := []string{methodBound, methodPresence}
	if synced {
		amr[0] = methodSynced
	}
	if verified {
		amr = append(amr, methodMulti)
	}
	return amr
}

func (k *Keeper) state(c Ceremony, o owner) webauthn.SessionData {
	state := webauthn.SessionData{
		Challenge: encode(c.Secret), RelyingPartyID: k.passkeys.Config.RPID, UserID: o.WebAuthnID(),
		UserVerification: protocol.VerificationPreferred,
	}
	if c.Verified {
		state.UserVerification = protocol.VerificationRequired
	}
	for _, algorithm := range algorithms() {
		state.CredParams = append(state.CredParams, protocol.CredentialParameter{
			Type: protocol.PublicKeyCredentialType, Algorithm: algorithm,
		})
	}
	return state
}

func (k *Keeper) spent(c Ceremony) *storage.Assertion {
	return &storage.Assertion{
		ClientID: assertionClient, JTI: storage.HashOf(string(c.Secret)), ExpiresAt: k.expiry(c),
	}
}

// BeginNewPasskey begins to add a passkey to those that the user has. It returns
// the PublicKeyCredentialCreationOptionsJSON of [WebAuthn §5.1.8].
//
// [WebAuthn §5.1.8]: https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialcreationoptionsjson
func (k *Keeper) BeginNewPasskey(user *storage.User, passkeys []storage.Passkey) (options string, c Ceremony) {
	c = k.challenge(user.ID, purposeCreate)
	c.Verified = true
	o := owner{user: user}
	parameters := []map[string]any{}
	for _, algorithm := range algorithms() {
		parameters = append(parameters, map[string]any{"type": protocol.PublicKeyCredentialType, "alg": algorithm})
	}
	return encoded(map[string]any{
		"challenge": encode(c.Secret), "timeout": ceremonyTimeout, "attestation": protocol.PreferNoAttestation,
		"rp":               map[string]string{"id": k.passkeys.Config.RPID, "name": k.Name},
		"user":             map[string]string{"id": encode(o.WebAuthnID()), "name": o.WebAuthnName(), "displayName": o.WebAuthnDisplayName()},
		"pubKeyCredParams": parameters, "excludeCredentials": descriptors(passkeys),
		"authenticatorSelection": map[string]any{
			"residentKey": protocol.ResidentKeyRequirementRequired, "requireResidentKey": true,
			"userVerification": protocol.VerificationRequired,
		},
	}), c
}

// FinishNewPasskey returns the passkey to store, and what uses the challenge up. It
// fails with ErrWrong.
func (k *Keeper) FinishNewPasskey(user *storage.User, passkeys []storage.Passkey, c Ceremony, answer string) (*storage.Passkey, *storage.Assertion, error) {
	if k.passkeys == nil || len(passkeys) >= maxPasskeys || len(answer) > maxAnswer {
		return nil, nil, fmt.Errorf("%w: no passkeys here, too many of them, or too long an answer", ErrWrong)
	}
	if err := k.check(c, user.ID, purposeCreate); err != nil {
		return nil, nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, nil, wrong(err)
	}
	o := owner{user: user}
	credential, err := k.passkeys.CreateCredential(o, k.state(c, o), parsed)
	if err != nil {
		return nil, nil, wrong(err)
	}
	passkey := &storage.Passkey{
		ID: credential.ID, UserID: user.ID, PublicKey: credential.PublicKey, AAGUID: credential.Authenticator.AAGUID,
		SignCount:      credential.Authenticator.SignCount,
		BackupEligible: credential.Flags.BackupEligible, BackedUp: credential.Flags.BackupState,
		CreatedAt: k.Now(),
	}
	for _, t := range credential.Transport {
		if slices.Contains(transports(), string(t)) {
			passkey.Transports = append(passkey.Transports, string(t))
		}
	}
	passkey.Name = nameOf(passkey)
	return passkey, k.spent(c), nil
}

// transports are those of WebAuthn §5.8.4: others are of no use to us.
func transports() []string { return []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"} }

// nameOf is what a passkey is called until its owner calls it something else.
func nameOf(p *storage.Passkey) string {
	if maker := Maker(p.AAGUID); maker != "" {
		return maker
	}
	return "Passkey"
}

// cleanName is a name as somebody has typed it, "" if it cannot be one.
func cleanName(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if len([]rune(name)) > maxKeyName || strings.ContainsFunc(name, invisible) {
		return ""
	}
	return name
}
