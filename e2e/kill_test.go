package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/storage"
)

// moment is a moment of a request at which the provider is killed. Armed before
// the request is sent, it closes the channel when it has come.
type moment struct {
	name string
	arm  func(context.Context, *provider) <-chan struct{}
}

// answered is the moment that never comes: the answer does.
func answered() moment {
	return moment{"when it has answered", func(context.Context, *provider) <-chan struct{} { return nil }}
}

// after is a time after the request was sent.
func after(d time.Duration) moment {
	return moment{d.String() + " after the request", func(ctx context.Context, _ *provider) <-chan struct{} {
		return soon(ctx, func() bool { return true }, d)
	}}
}

// written is a time after the SQLite file's log has grown: the commit is being
// written, and then flushed to the disk.
func written(d time.Duration) moment {
	return moment{d.String() + " after the write", func(ctx context.Context, p *provider) <-chan struct{} {
		before := size(p.file() + "-wal")
		return soon(ctx, func() bool { return size(p.file()+"-wal") > before }, d)
	}}
}

// asks and answers are round trips to Postgres: the request is sent, or its
// answer has come back.
func (p *proxy) asks(trip int) moment {
	return moment{fmt.Sprintf("at request %d to Postgres", trip), func(ctx context.Context, _ *provider) <-chan struct{} {
		return p.interrupt(ctx, trip, false)
	}}
}

func (p *proxy) answers(trip int) moment {
	return moment{fmt.Sprintf("at answer %d of Postgres", trip), func(ctx context.Context, _ *provider) <-chan struct{} {
		return p.interrupt(ctx, trip, true)
	}}
}

// maxTrips is more round trips to Postgres than a token request takes, that of a
// process that has just started too, which has yet to connect.
const maxTrips = 6

// soon watches for what happens within microseconds: no timer is as fine.
func soon(ctx context.Context, happened func() bool, d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		for !happened() {
			if ctx.Err() != nil {
				return
			}
			runtime.Gosched()
		}
		for at := time.Now().Add(d); time.Now().Before(at); {
			runtime.Gosched()
		}
		close(c)
	}()
	return c
}

func size(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// sweep is the moments at which one provider is killed, again and again.
type sweep struct {
	*provider
	moments []moment
	browser *http.Client
	// outcomes counts what the kills led to.
	outcomes map[string]int
}

// onEachDatabaseKilled runs the test with the moments that each database has.
func onEachDatabaseKilled(t *testing.T, test func(*testing.T, *sweep)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		moments := []moment{answered()}
		for d := range 8 {
			moments = append(moments,
				after(time.Duration(d*d)*100*time.Microsecond), written(time.Duration(d*d)*10*time.Microsecond))
		}
		test(t, newSweep(t, newProvider(t, ""), moments))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database := pgtest.NewDatabase(t)
		proxy, through := newProxy(t, database)
		moments := []moment{answered()}
		for d := range 8 {
			moments = append(moments, after(time.Duration(d*d)*200*time.Microsecond))
		}
		for trip := range maxTrips {
			moments = append(moments, proxy.asks(trip+1), proxy.answers(trip+1))
		}
		test(t, newSweep(t, newProviderThrough(t, database, through), moments))
	})
}

func newSweep(t *testing.T, p *provider, moments []moment) *sweep {
	t.Helper()
	s := &sweep{provider: p, moments: moments, browser: p.client(t), outcomes: map[string]int{}}
	s.Code(t, s.browser, providertest.AuthorizeParams(nil)) // signs in and agrees, for good
	return s
}

// The outcomes that there are.
const (
	beforeCommit = "killed before the commit"
	afterCommit  = "killed between commit and answer"
	afterAnswer  = "killed after the answer"
)

// rounds bounds how often all moments are gone through.
const rounds = 5

// run kills the provider at each moment, until every outcome has been seen.
func (s *sweep) run(t *testing.T, step func(*testing.T, moment)) {
	t.Helper()
	for range rounds {
		for _, m := range s.moments {
			step(t, m)
			if t.Failed() {
				t.Fatalf("when the provider was killed %s", m.name)
			}
		}
		if len(s.outcomes) == 3 {
			break
		}
	}
	t.Log(s.outcomes)
	if len(s.outcomes) != 3 {
		t.Errorf("not every outcome was seen: %v", s.outcomes)
	}
}

// killedDuring sends a token request, kills the provider at the moment, or when
// it has answered, and starts it again. It returns the tokens, if they came.
func (s *sweep) killedDuring(t *testing.T, m moment, form url.Values) providertest.Tokens {
	t.Helper()
	ctx, disarm := context.WithCancel(t.Context())
	reached := m.arm(ctx, s.provider)
	response := make(chan struct{})
	var tokens providertest.Tokens
	go func() {
		defer close(response)
		tokens = s.try(t, form)
	}()
	select {
	case <-response:
	case <-reached:
	}
	s.kill()
	disarm()
	<-response
	s.start(t)
	return tokens
}

// try sends a token request that may get no answer, or only half of one.
func (s *sweep) try(t *testing.T, form url.Values) providertest.Tokens {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Error(err)
		return nil
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(providertest.ClientID, providertest.ClientSecret)
	res, err := s.client(t).Do(r)
	if err != nil {
		return nil
	}
	tokens, err := readTokens(res)
	if err != nil {
		return nil
	}
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d: %v", res.StatusCode, tokens)
		return nil
	}
	return tokens
}

// count notes the outcome: what the client knows and what the database says.
func (s *sweep) count(t *testing.T, tokens providertest.Tokens, usedAt time.Time) string {
	t.Helper()
	outcome := beforeCommit
	switch {
	case tokens != nil && usedAt.IsZero():
		t.Error("what was acknowledged is lost")
	case tokens != nil:
		outcome = afterAnswer
	case !usedAt.IsZero():
		outcome = afterCommit
	}
	s.outcomes[outcome]++
	return outcome
}

// RFC 6749 §4.1.2: a code succeeds once, whenever the provider is killed and
// however often it is tried again. What has been answered stays true.
func TestKilledExchangeKeepsCodesSingleUse(t *testing.T) {
	t.Parallel()
	onEachDatabaseKilled(t, func(t *testing.T, s *sweep) {
		s.run(t, func(t *testing.T, m moment) {
			// The session and the consent were acknowledged before: no page is shown.
			_, answer := s.Authorize(t, s.browser, providertest.AuthorizeParams(nil)).Redirect(t)
			code := answer.Get("code")
			tokens := s.killedDuring(t, m, providertest.CodeForm(code))
			stored := s.read(t, storage.Wanted{Code: storage.HashOf(code)}).Code
			if stored == nil {
				t.Fatal("the code is lost")
			}
			outcome := s.count(t, tokens, stored.UsedAt)
			if outcome == beforeCommit {
				tokens = s.Granted(t, providertest.CodeForm(code))
			}
			if outcome != afterCommit {
				if !s.Works(t, tokens) {
					t.Error("the access token does not work")
				}
				s.Granted(t, providertest.RefreshForm(tokens.Get("refresh_token")))
			}
			providertest.InvalidGrant(t, s.Token(t, providertest.CodeForm(code)))
		})
	})
}

// A client never loses its refresh family: whenever the provider is killed, the
// same token presented again within the grace period ends with a working pair,
// and it is the pair that was answered, if one was.
func TestKilledRefreshKeepsTheFamily(t *testing.T) {
	t.Parallel()
	onEachDatabaseKilled(t, func(t *testing.T, s *sweep) {
		// Each step refreshes with the token that the step before has ended with.
		token := s.Tokens(t).Get("refresh_token")
		s.run(t, func(t *testing.T, m moment) {
			tokens := s.killedDuring(t, m, providertest.RefreshForm(token))
			stored := s.read(t, storage.Wanted{Refresh: storage.HashOf(token)}).Refresh
			if stored == nil {
				t.Fatal("the refresh token is lost")
			}
			outcome := s.count(t, tokens, stored.UsedAt)
			retried := s.Granted(t, providertest.RefreshForm(token))
			if !s.Works(t, retried) {
				t.Error("the access token does not work")
			}
			if outcome == afterAnswer && retried.Get("refresh_token") != tokens.Get("refresh_token") {
				t.Error("the retry got another successor than was answered")
			}
			token = retried.Get("refresh_token")
		})
	})
}

// What was acknowledged is true after kill -9: a sign-in, a consent, a revocation.
func TestAcknowledgedSurvivesKill(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, p *provider) {
		browser, params := p.client(t), providertest.AuthorizeParams(nil)
		tokens := p.Granted(t, providertest.CodeForm(p.Code(t, browser, params)))
		form := url.Values{"token": {tokens.Get("refresh_token")}}
		res := p.Post(t, p.client(t), "/revoke", form, providertest.ClientID, providertest.ClientSecret)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s", res.StatusCode, res.Body)
		}
		p.kill()
		p.start(t)
		p.Ended(t, tokens)
		if _, answer := p.Authorize(t, browser, params).Redirect(t); answer.Get("code") == "" {
			t.Errorf("the session or the consent is lost: %v", answer)
		}
	})
}
