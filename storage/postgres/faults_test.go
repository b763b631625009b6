package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/postgres"
)

// A database that was restarted, or Neon that was suspended, leaves the pool full
// of connections that are lost: no request fails for that.
func TestFirstRequestsAfterARestartSucceed(t *testing.T) {
	t.Parallel()
	directly := func(_ testing.TB, url string) string { return url }
	for name, test := range map[string]struct {
		url       func(testing.TB, string) string
		interrupt func(*testing.T, *pgtest.Server)
	}{
		"stopped":                    {directly, func(t *testing.T, s *pgtest.Server) { t.Helper(); s.Stop(); s.Start(t) }},
		"killed":                     {directly, func(t *testing.T, s *pgtest.Server) { t.Helper(); s.Kill(); s.Start(t) }},
		"cut off":                    {directly, cutOff},
		"cut off behind a PgBouncer": {pgtest.PgBouncer, cutOff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.NewServer(t)
			db := open(t, postgres.Config{URL: test.url(t, server.URL("postgres"))})
			migrate(t, db)
			saveClient(t, db)
			requests(t, db)
			test.interrupt(t, server)
			requests(t, db)
		})
	}
}

// cutOff ends all connections to the server, and waits until they have ended.
func cutOff(t *testing.T, server *pgtest.Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
}

// requests reads and writes on several connections at once.
func requests(t *testing.T, db *postgres.DB) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = db.Read(t.Context(), storage.Wanted{ClientID: "client"})
			} else {
				err = db.Apply(t.Context(), newGrant())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func saveClient(t *testing.T, db *postgres.DB) {
	t.Helper()
	now := time.Now()
	if err := db.SaveClient(t.Context(), storage.Client{ID: "client", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
}

// newGrant is a write that creates a grant with a code.
func newGrant() storage.Write {
	now := time.Now()
	id := rand.Text()
	return storage.Write{
		Key: rand.Text(), Now: now,
		Grant: &storage.Grant{ID: id, ClientID: "client", CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
		Code:  &storage.Code{Hash: storage.HashOf(id), GrantID: id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
	}
}

// An outage is never reported as a refusal.
func TestOutageIsNoRefusal(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, l := range map[string]net.Listener{"nobody listens": closed, "nobody answers": silent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, postgres.Config{URL: "postgres://user@" + l.Addr().String() + "/x?sslmode=disable"})
			began := time.Now()
			var wg sync.WaitGroup
			for _, verb := range verbs(t.Context(), db) {
				wg.Go(func() { isOutage(t, verb()) })
			}
			wg.Wait()
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it took %s, want no more than the bound of five seconds", took)
			}
		})
	}
}

func verbs(ctx context.Context, db *postgres.DB) []func() error {
	return []func() error{
		func() error { _, err := db.Read(ctx, storage.Wanted{ClientID: "client"}); return err },
		func() error { return db.Apply(ctx, newGrant()) },
		func() error { _, err := db.CountAttempt(ctx, storage.Attempt{Identifier: "user"}); return err },
		func() error { _, _, err := db.FindLink(ctx, storage.HashOf("link"), time.Now()); return err },
		func() error { _, _, err := db.CountLinkAttempt(ctx, "link", time.Now()); return err },
		func() error { _, err := db.FindFactors(ctx, "user"); return err },
		func() error { return db.RevokeGrant(ctx, "grant", time.Now()) },
		func() error { _, err := db.FindClient(ctx, "client"); return err },
		func() error { return db.DeleteClient(ctx, "client") },
		func() error { _, err := db.SigningKeys(ctx); return err },
	}
}

func isOutage(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("got no error")
	}
	for _, answer := range []error{
		storage.ErrNotFound, storage.ErrSpent, storage.ErrReplayed, storage.ErrConflict,
	} {
		if errors.Is(err, answer) {
			t.Errorf("got %v, which is an answer", err)
		}
	}
}

// The connection is cut after the commit and before its answer: the request is
// sent again with its key, and succeeds.
func TestLostAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, pgtest.NewDatabase(t))
	db := open(t, postgres.Config{URL: proxy.url})
	saveClient(t, db)
	grant := newGrant()
	if err := db.Apply(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	redeem := storage.Write{
		Key: rand.Text(), Now: time.Now(),
		Assertion: &storage.Assertion{ClientID: "client", JTI: storage.HashOf("jti"), ExpiresAt: time.Now().Add(time.Minute)},
		Redeem:    &storage.Redeem{Code: grant.Code.Hash, ClientID: "client"},
	}
	proxy.onAnswer(func([]byte) bool { proxy.pass(); return false })
	if err := db.Apply(t.Context(), redeem); err != nil {
		t.Errorf("apply: %v", err)
	}
	redeem.Key = rand.Text()
	if err := db.Apply(t.Context(), redeem); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("another key: got %v, want %v", err, storage.ErrSpent)
	}
}

// A person changes the password in a session that ends with it: what is sent again
// finds neither the old password nor the session, and yet is no refusal.
func TestLostAnswerOfAChangeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, pgtest.NewDatabase(t))
	db := open(t, postgres.Config{URL: proxy.url})
	now, password := time.Now(), "new"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.SaveUser(t.Context(), storage.User{ID: "user", PasswordHash: "old", CreatedAt: now, UpdatedAt: now}))
	session := &storage.Session{ID: "session", UserID: "user", Hash: storage.HashOf("token"), AuthTime: now, CreatedAt: now, ExpiresAt: now}
	must(db.Apply(t.Context(), storage.Write{Key: rand.Text(), Now: now, Session: session}))
	change := storage.Write{
		Key: rand.Text(), Now: now,
		Verified: &storage.Verified{UserID: "user", PasswordHash: "old", SessionID: "session"},
		Change:   &storage.UserChange{UserID: "user", PasswordHash: &password},
		Activity: []storage.Activity{{ID: "activity", UserID: "user", At: now}},
	}
	proxy.onAnswer(func([]byte) bool { proxy.pass(); return false })
	must(db.Apply(t.Context(), change))
	user, err := db.FindUser(t.Context(), "user")
	must(err)
	all, err := db.ListActivity(t.Context(), "user", now.Add(time.Hour), 10)
	must(err)
	if user.PasswordHash != password || len(all) != 1 {
		t.Errorf("got the password %q and %d activities, want the new one and 1", user.PasswordHash, len(all))
	}
	change.Key = rand.Text()
	if err := db.Apply(t.Context(), change); !errors.Is(err, storage.ErrSpent) {
		t.Errorf("another key: got %v, want %v", err, storage.ErrSpent)
	}
}

// The end of a session tells the same clients when it is sent again.
func TestLostAnswerOfAnEndIsAskedForAgain(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, pgtest.NewDatabase(t))
	db := open(t, postgres.Config{URL: proxy.url})
	now := time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.SaveUser(t.Context(), storage.User{ID: "user", CreatedAt: now, UpdatedAt: now}))
	must(db.SaveClient(t.Context(), storage.Client{ID: "client", CreatedAt: now, UpdatedAt: now, Metadata: storage.ClientMetadata{
		BackchannelLogoutURI: "https://client.example/back", FrontchannelLogoutURI: "https://client.example/front",
	}}))
	must(db.Apply(t.Context(), storage.Write{
		Key: rand.Text(), Now: now,
		Session:       &storage.Session{ID: "session", UserID: "user", Hash: storage.HashOf("token"), AuthTime: now, CreatedAt: now, ExpiresAt: now},
		SessionClient: &storage.SessionClient{SessionID: "session", ClientID: "client", SID: "sid", CreatedAt: now},
	}))
	proxy.onAnswer(func([]byte) bool { proxy.pass(); return false })
	out, err := db.EndSessions(t.Context(), []string{"session"}, now)
	must(err)
	if len(out) != 1 || out[0].SID != "sid" {
		t.Errorf("got %v, want the client", out)
	}
	notices, _, err := db.TakeLogoutNotices(t.Context(), now, now.Add(time.Minute), 10)
	must(err)
	if len(notices) != 1 {
		t.Errorf("got %d notices, want 1", len(notices))
	}
}

// A client that hangs up while its write is under way neither stops it nor costs
// the connection.
func TestHangUpDoesNotCancelAWrite(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, pgtest.NewDatabase(t))
	db := open(t, postgres.Config{URL: proxy.url})
	saveClient(t, db)
	ctx, hangUp := context.WithCancel(t.Context())
	proxy.onAnswer(func([]byte) bool { hangUp(); proxy.pass(); return true })
	if err := db.Apply(ctx, newGrant()); err != nil {
		t.Errorf("apply: %v", err)
	}
	if got := proxy.connections.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// passing sees bytes on their way and tells whether to pass them on; if not, the
// connection is cut.
type passing func([]byte) bool

// proxy passes bytes to PostgreSQL and back, until told otherwise.
type proxy struct {
	url              string
	answer, question atomic.Pointer[passing]
	connections      atomic.Int64
}

func (p *proxy) pass() {
	p.onAnswer(func([]byte) bool { return true })
	p.onQuestion(func([]byte) bool { return true })
}

func (p *proxy) onAnswer(f passing)   { p.answer.Store(&f) }
func (p *proxy) onQuestion(f passing) { p.question.Store(&f) }

func newProxy(t *testing.T, database string) *proxy {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{}
	p.pass()
	server := u.Host
	u.Host = l.Addr().String()
	p.url = withMode(t, u.String(), "exec") // to prepare a statement would be an exchange of its own
	go p.serve(l, server)
	return p
}

func (p *proxy) serve(l net.Listener, server string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.connections.Add(1)
		db, err := net.Dial("tcp", server)
		if err != nil {
			client.Close()
			continue
		}
		go copyWhile(&p.question, db, client)
		go copyWhile(&p.answer, client, db)
	}
}

func copyWhile(pass *atomic.Pointer[passing], to io.WriteCloser, from io.ReadCloser) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil || !(*pass.Load())(buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
