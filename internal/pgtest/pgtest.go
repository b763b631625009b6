// Package pgtest gives tests a real PostgreSQL: one server a test process, started
// when the first test asks for it, and a migrated database of its own for each
// test. It also puts a real PgBouncer before a server, and speaks TLS.
//
// The programs are Debian's packages postgresql, 15 or later, and pgbouncer. A
// test that needs them fails without them; it is never skipped.
// GATELODGE_TEST_DATABASE_URL names a server to use instead, on which databases
// can be created.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatelodge/gatelodge/storage/postgres"
)

// Main runs the tests, stops what they started, and exits. TestMain calls it.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has more to clean up: it returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	shared.stop()
	return code
}

// shared is what the tests of this process have in common.
var shared process //nolint:gochecknoglobals // a server for each test would cost seconds

type process struct {
	mu       sync.Mutex
	base     string // URL of the server
	template string // the name of a migrated database
	server   *Server
	bouncers map[string]*program // by the host of the server
	pooled   map[string]string
}

// NewDatabase returns the URL of a migrated database that is dropped when the
// test ends.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	name, err := shared.create(shared.migrated)
	if err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	tb.Cleanup(func() { shared.drop(tb, name) })
	return withDatabase(shared.base, name)
}

// NewEmptyDatabase returns the URL of a database without a schema that is dropped
// when the test ends.
func NewEmptyDatabase(tb testing.TB) string {
	tb.Helper()
	name, err := shared.create(func() (string, error) { return "template0", nil })
	if err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	tb.Cleanup(func() { shared.drop(tb, name) })
	return withDatabase(shared.base, name)
}

// create creates a database from a template.
func (p *process) create(template func() (string, error)) (name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.start(); err != nil {
		return "", err
	}
	from, err := template()
	if err != nil {
		return "", err
	}
	name = newName()
	// Copying files takes 20 ms. The default writes each page to the log: 300 ms.
	return name, execute(p.base, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, from))
}

// start finds or starts the server.
func (p *process) start() (err error) {
	if p.base != "" {
		return nil
	}
	if p.base = os.Getenv("GATELODGE_TEST_DATABASE_URL"); p.base != "" {
		return nil
	}
	if p.server, err = StartServer(scratch(), "-c", "fsync=off"); err != nil {
		return err
	}
	p.base = p.server.URL("postgres")
	return nil
}

// migrated returns the name of the template, which it makes the first time.
func (p *process) migrated() (string, error) {
	if p.template != "" {
		return p.template, nil
	}
	name := newName()
	if err := execute(p.base, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", err
	}
	p.template = name
	db, err := postgres.Open(context.Background(), postgres.Config{URL: withDatabase(p.base, name)})
	if err != nil {
		return "", err
	}
	defer db.Close()
	return name, db.Migrate(context.Background())
}

func (p *process) drop(tb testing.TB, name string) {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := execute(p.base, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		tb.Errorf("drop test database: %v", err)
	}
}

func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, bouncer := range p.bouncers {
		bouncer.stop(os.Interrupt)
	}
	if p.server != nil {
		p.server.Remove()
		return
	}
	if p.template != "" {
		if err := execute(p.base, "DROP DATABASE "+p.template+" WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "drop template database:", err)
		}
	}
}

func newName() string { return "gatelodge_test_" + strings.ToLower(rand.Text()) }

// execute runs one statement on a connection of its own.
func execute(url, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func withDatabase(base, name string) string {
	return change(base, func(u *url.URL) { u.Path = "/" + name })
}

// change returns the URL changed.
func change(raw string, f func(*url.URL)) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(fmt.Sprintf("pgtest: %v", err))
	}
	f(u)
	return u.String()
}
