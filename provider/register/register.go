// Package register owns dynamic client registration, [RFC 7591] with OpenID
// Connect Registration, and the client's management of its registration,
// [RFC 7592]. What metadata may be is provider/client's; this package owns what
// a client may give itself of it.
//
// [RFC 7591]: https://www.rfc-editor.org/rfc/rfc7591
// [RFC 7592]: https://www.rfc-editor.org/rfc/rfc7592
package register

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/provider/outbound"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// The prefixes by which the tokens of registration are told apart.
const (
	initialPrefix = "gli_"
	managePrefix  = "glm_"
)

// NewInitialAccessToken returns a token that lets its bearer register clients.
func NewInitialAccessToken() string { return secret.Token(initialPrefix) }

// Store is what registration asks of the database.
type Store interface {
	FindClient(ctx context.Context, id string) (storage.Client, error)
	RegisterClient(ctx context.Context, c storage.Client, initialAccessToken storage.Hash) error
	UpdateClient(ctx context.Context, c storage.Client) error
	DeleteClient(ctx context.Context, id string) error
	ListInitialAccessTokens(context.Context) ([]storage.InitialAccessToken, error)
	Count(ctx context.Context, key string, window time.Duration, now time.Time) (int, error)
}

// Handler serves /register.
type Handler struct {
	Issuer    string
	Store     Store
	Directory *client.Directory
	Outbound  *outbound.Client
	Secrets   *secret.Keys
	// Policy is what clients may be.
	Policy client.Policy
	// Open lets everybody register; otherwise an initial access token is needed.
	Open bool
	// PerNetwork is how many clients a network may register in a day.
	PerNetwork int
	// Unused is how long a client is kept that nobody uses.
	Unused time.Duration
	// Network names the network that a request comes from.
	Network func(*http.Request) string
	Now     func() time.Time
}

// Routes registers the endpoints. No script of another origin can read their
// answers, nor send them JSON.
func (h *Handler) Routes(r chi.Router) {
	r.Post("/register", web.Handle(present, h.create))
	r.Get("/register/{client_id}", web.Handle(present, h.read))
	r.Put("/register/{client_id}", web.Handle(present, h.update))
	r.Delete("/register/{client_id}", web.Handle(present, h.remove))
}

// errQuota makes a refusal one for now, [RFC 6585 §4].
//
// [RFC 6585 §4]: https://www.rfc-editor.org/rfc/rfc6585#section-4
var errQuota = errors.New("over the quota")

// present renders errors, [RFC 7591 §3.2.2], those of a bearer token as
// [RFC 6750 §3] has it.
//
// [RFC 7591 §3.2.2]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2
// [RFC 6750 §3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
func present(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	switch {
	case e.Code == oauth.InvalidToken:
		web.Bearer(w, r, e)
	case errors.Is(e, errQuota):
		w.Header().Set("Retry-After", "3600") // when the day began is not known
		_ = web.JSONStatus(w, http.StatusTooManyRequests, map[string]string{
			"error": string(e.Code), "error_description": e.Description,
		})
	default:
		web.OAuthJSON(w, r, e)
	}
}

// create registers a client, [RFC 7591 §3.1].
//
// [RFC 7591 §3.1]: https://www.rfc-editor.org/rfc/rfc7591#section-3.1
func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	initial := web.BearerToken(r)
	if initial == "" && !h.Open {
		return oauth.Refuse(oauth.InvalidToken, "")
	}
	req, err := parse(r)
	if err != nil {
		return err
	}
	now, manage := h.Now(), secret.Token(managePrefix)
	c := storage.Client{
		ID: strings.ToLower(rand.Text()), RegistrationHash: storage.HashOf(manage),
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(h.Unused),
	}
	ctx := r.Context()
	if err := h.invited(ctx, initial); err != nil {
		return err
	}
	if c.Metadata, err = h.admit(ctx, req.metadata, privileges{invited: initial != ""}); err != nil {
		return err
	}
	if err := h.countRegistration(r); err != nil {
		return err
	}
	if err := h.checkSector(ctx, c.Metadata); err != nil {
		return err
	}
	made := h.giveSecret(&c)
	if err := h.store(ctx, c, initial); err != nil {
		return err
	}
	event := web.EventOf(ctx)
	event.ClientID, event.Note = c.ID, "client registered"
	return web.JSONStatus(w, http.StatusCreated, h.describe(c, made, manage))
}

// invited refuses an initial access token that is not good, before whoever has made
// it up learns which scopes there are or has anything fetched. That it has a use
// left when the client is stored, the database decides.
func (h *Handler) invited(ctx context.Context, initial string) error {
	if initial == "" {
		return nil
	}
	all, err := h.Store.ListInitialAccessTokens(ctx)
	if err != nil {
		return oauth.Unavailable(err)
	}
	hash, now := storage.HashOf(initial), h.Now()
	if !slices.ContainsFunc(all, func(t storage.InitialAccessToken) bool {
		return t.Hash == hash && t.Remaining > 0 && now.Before(t.ExpiresAt)
	}) {
		return spent()
	}
	return nil
}

func spent() *oauth.Error {
	return oauth.Refuse(oauth.InvalidToken, "the initial access token is not valid, has expired or was used up")
}

// countRegistration refuses a network that has registered enough. It is asked only
// once all that costs nothing has been checked, and before anything is fetched.
func (h *Handler) countRegistration(r *http.Request) error {
	return h.count(r.Context(), "register/"+h.Network(r), h.PerNetwork,
		"too many clients were registered from this network, try again later")
}

// updatesPerDay is how often a client may change its registration in a day: each
// time it can name another address that we fetch, whose server did not ask for it.
const updatesPerDay = 100

func (h *Handler) countUpdate(ctx context.Context, clientID string) error {
	return h.count(ctx, "register/update/"+clientID, updatesPerDay, "the registration was changed too often, try again later")
}

func (h *Handler) count(ctx context.Context, key string, most int, refusal string) error {
	const day = 24 * time.Hour
	n, err := h.Store.Count(ctx, key, day, h.Now())
	switch {
	case err != nil:
		return oauth.Unavailable(err)
	case n > most:
		return oauth.Refuse(oauth.InvalidRequest, refusal).Because(errQuota)
	}
	return nil
}

// store creates the client by one use of the initial access token, if there is
// one: the database decides on its last.
func (h *Handler) store(ctx context.Context, c storage.Client, initial string) error {
	var hash storage.Hash
	if initial != "" {
		hash = storage.HashOf(initial)
	}
	err := h.Store.RegisterClient(ctx, c, hash)
	switch {
	case errors.Is(err, storage.ErrSpent):
		return spent().Because(err)
	case err != nil:
		return oauth.Unavailable(err)
	}
	return nil
}

// giveSecret gives a client that authenticates with a secret one unless it has
// one, and takes it from a client that does not. It returns a new secret, which
// only the answer has. No client chooses its own: guesses at those would succeed.
func (h *Handler) giveSecret(c *storage.Client) (made string) {
	switch {
	case !client.HasSecret(c.Metadata):
		c.SecretHash = nil
	case len(c.SecretHash) == 0:
		made = client.NewSecret()
		c.SecretHash = client.HashSecret(h.Secrets, c.ID, made)
	}
	return made
}

// response is a client information response, [RFC 7591 §3.2.1] and [RFC 7592 §3]:
// everything that is registered, defaults included.
//
// [RFC 7591 §3.2.1]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1
// [RFC 7592 §3]: https://www.rfc-editor.org/rfc/rfc7592#section-3
type response struct {
	ClientID string `json:"client_id"`
	// ClientSecret is told when it has been made, and never again: only its hash
	// is stored.
	ClientSecret     string `json:"client_secret,omitempty"`
	ClientIDIssuedAt int64  `json:"client_id_issued_at"`
	// ClientSecretExpiresAt is 0, for never, if there is a secret.
	ClientSecretExpiresAt   *int64 `json:"client_secret_expires_at,omitempty"`
	RegistrationAccessToken string `json:"registration_access_token"`
	RegistrationClientURI   string `json:"registration_client_uri"`
	storage.ClientMetadata
}

func (h *Handler) describe(c storage.Client, made, manage string) response {
	res := response{
		ClientID: c.ID, ClientSecret: made, ClientIDIssuedAt: c.CreatedAt.Unix(), ClientMetadata: c.Metadata,
		RegistrationAccessToken: manage, RegistrationClientURI: h.Issuer + "/register/" + c.ID,
	}
	if len(c.SecretHash) > 0 {
		res.ClientSecretExpiresAt = new(int64)
	}
	return res
}
