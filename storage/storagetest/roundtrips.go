package storagetest

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// RoundTrips counts the round trips to PostgreSQL: a query is one, and so is a
// batch. It is a tracer for storage/postgres.
type RoundTrips struct{ n atomic.Int64 }

var (
	_ pgx.QueryTracer = (*RoundTrips)(nil)
	_ pgx.BatchTracer = (*RoundTrips)(nil)
)

// Count returns how many there were since the last Reset.
func (r *RoundTrips) Count() int { return int(r.n.Load()) }

// Reset begins to count anew.
func (r *RoundTrips) Reset() { r.n.Store(0) }

// TraceQueryStart implements [pgx.QueryTracer].
func (r *RoundTrips) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData,
) context.Context {
	r.n.Add(1)
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (*RoundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements [pgx.BatchTracer].
func (r *RoundTrips) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData,
) context.Context {
	r.n.Add(1)
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (*RoundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (*RoundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
