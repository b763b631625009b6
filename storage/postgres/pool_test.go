package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pool that opens, keeps or asks connections by itself would keep Neon awake.
func TestIdlePoolSendsNoQuery(t *testing.T) {
	t.Parallel()
	c, err := poolConfig(Config{URL: "postgres://user:secret@db.example/gatelodge"})
	if err != nil {
		t.Fatal(err)
	}
	if c.MinConns != 0 || c.MinIdleConns != 0 {
		t.Errorf("the pool keeps %d connections and %d idle, want none", c.MinConns, c.MinIdleConns)
	}
	if c.MaxConnIdleTime >= 5*time.Minute {
		t.Errorf("connections stay idle for %s, longer than Neon", c.MaxConnIdleTime)
	}
	if c.ShouldPing(t.Context(), pgxpool.ShouldPingParams{IdleDuration: time.Hour}) {
		t.Error("the pool pings a connection before it is used")
	}
}

// Until it is known that nothing is in between.
func TestStatementsAreNotPreparedAtFirst(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]pgx.QueryExecMode{
		"postgres://db.example/gatelodge":                                              pgx.QueryExecModeExec,
		"postgres://db.example/gatelodge?default_query_exec_mode=cache_statement":      pgx.QueryExecModeCacheStatement,
		"postgres://db.example/gatelodge?pool_max_conns=3&pool_max_conn_idle_time=10s": pgx.QueryExecModeExec,
	} {
		c, err := poolConfig(Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnConfig.DefaultQueryExecMode; got != want {
			t.Errorf("%s: got mode %s, want %s", url, got, want)
		}
	}
}
