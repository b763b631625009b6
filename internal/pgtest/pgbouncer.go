package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// PgBouncer returns the URL of the database through a real PgBouncer that pools
// by transaction, as Neon's pooled URL does. One serves all databases of a server,
// until the tests of this process end.
func PgBouncer(tb testing.TB, database string) string {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatalf("parse database URL: %v", err)
	}
	pooled, ok := shared.pooled[u.Host]
	if !ok {
		if pooled, err = shared.startBouncer(u); err != nil {
			tb.Fatalf("start PgBouncer: %v", err)
		}
	}
	u.Host = pooled
	u.RawQuery = "sslmode=disable"
	return u.String()
}

const bouncerConfig = `[databases]
* = host=%s port=%s user=%s password=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
`

// startBouncer starts one before the server, and returns where it listens.
func (p *process) startBouncer(server *url.URL) (host string, err error) {
	bin, err := find("pgbouncer", "pgbouncer", "/usr/sbin/pgbouncer")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir, err := tempDir(scratch())
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // it is read once
	secret, _ := server.User.Password()
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, fmt.Appendf(nil, bouncerConfig, server.Hostname(), server.Port(),
		server.User.Username(), secret, port), 0o644); err != nil {
		return "", err
	}
	bouncer, err := start("process up", bin, config)
	if err != nil {
		return "", err
	}
	if p.bouncers == nil {
		p.bouncers, p.pooled = map[string]*program{}, map[string]string{}
	}
	p.bouncers[server.Host] = bouncer
	p.pooled[server.Host] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return p.pooled[server.Host], nil
}
