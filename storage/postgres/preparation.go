package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// preparation finds out whether statements may be prepared, which spares
// PostgreSQL more than half of its work: to parse and plan them each time. They
// belong to a server's session, and a pooler gives each transaction another.
//
// A pooler answers for many servers, and so makes up the key by which a client
// cancels its queries. If the key names the very process that serves us, nothing
// is in between. The first connection asks, and then makes way for those that
// prepare.
type preparation struct{ asked, direct atomic.Bool }

func (p *preparation) apply(config *pgxpool.Config) {
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if p.direct.Load() {
			c.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		}
		return nil
	}
	config.AfterConnect = p.ask
	// Not AfterRelease: pgx calls that in a goroutine, and so the next round trip of
	// the same request would not find the connection and open another.
	config.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) {
		return !p.direct.Load() || conn.PgConn().CustomData()[unprepared] == nil, nil
	}
}

// unprepared marks a connection that was made before the answer.
const unprepared = "unprepared"

func (p *preparation) ask(ctx context.Context, conn *pgx.Conn) error {
	if conn.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		return nil
	}
	conn.PgConn().CustomData()[unprepared] = true
	if p.asked.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	answer, err := conn.PgConn().Exec(ctx, `SELECT pg_backend_pid()`).ReadAll()
	if err != nil {
		return fmt.Errorf("ask for the server's process: %w", err)
	}
	process := strconv.FormatUint(uint64(conn.PgConn().PID()), 10)
	p.direct.Store(string(answer[0].Rows[0][0]) == process)
	p.asked.Store(true)
	return nil
}
