package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatelodge/gatelodge/resource"
)

// profileTimeout is how long a profile may take: a database that was suspended
// needs a moment to wake up.
const profileTimeout = 5 * time.Second

// database finds profiles in the provider's view user_profiles. Its role needs
// no more than SELECT on that.
type database struct{ pool *pgxpool.Pool }

// connect prepares connections and makes none. The URL may be that of a pooler.
func connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres URL") // err could quote the password
	}
	config.MaxConns, config.MinConns = 4, 0
	config.MaxConnIdleTime = time.Minute // so that the database can be suspended
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be used")
	}
	return pool, nil
}

func (d database) profile(ctx context.Context, sub, _ string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	// The claims as userinfo has them: without those that there are not, and
	// updated_at in seconds.
	const query = `
		SELECT jsonb_strip_nulls(to_jsonb(p) ||
			jsonb_build_object('updated_at', extract(epoch FROM p.updated_at)::bigint))::text
		FROM user_profiles p WHERE p.sub = $1::text`
	var profile string
	err := d.pool.QueryRow(ctx, query, sub).Scan(&profile)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoProfile
	}
	if err != nil {
		return nil, fmt.Errorf("read user_profiles: %w", err)
	}
	return json.RawMessage(profile), nil
}

// userinfo asks the provider, with the caller's own token, [OpenID Connect Core §5.3].
//
// [OpenID Connect Core §5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
type userinfo struct {
	metadata func(context.Context) (resource.Metadata, error)
	client   *http.Client
}

// newClient returns a client that sends a token nowhere but where it is told.
func newClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// deniedError is userinfo's answer to a token that it does not accept.
type deniedError struct {
	status          int
	code, challenge string
}

func (e *deniedError) Error() string { return "userinfo: " + e.code }

func (u userinfo) profile(ctx context.Context, sub, authorization string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	metadata, err := u.metadata(ctx)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.UserinfoEndpoint, nil)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	r.Header.Set("Authorization", authorization)
	res, err := u.client.Do(r)
	if err != nil {
		return nil, err // names the URL
	}
	defer func() { _ = res.Body.Close() }()
	if err := accepted(res); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	return body, isAbout(body, sub)
}

func accepted(res *http.Response) error {
	challenge := res.Header.Get("WWW-Authenticate")
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized: // revoked, or its person may not sign in any more
		return &deniedError{res.StatusCode, "invalid_token", challenge}
	case http.StatusForbidden: // not granted openid
		return &deniedError{res.StatusCode, "insufficient_scope", challenge}
	default:
		return fmt.Errorf("userinfo: status %d", res.StatusCode)
	}
}

// isAbout checks that the claims are those of the token's person, as OpenID
// Connect Core §5.3.2 demands.
func isAbout(body json.RawMessage, sub string) error {
	var c struct {
		Sub string `json:"sub"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("userinfo: %w", err)
	}
	if c.Sub != sub {
		return errors.New("userinfo: about somebody else")
	}
	return nil
}
