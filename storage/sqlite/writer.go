package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// batch bounds how many writes share a commit, and so how long one waits.
const batch = 128

// errClosed: the database was closed before the write was begun.
var errClosed = errors.New("database is closed")

// writer is the one goroutine that writes.
type writer struct {
	jobs chan job
	quit chan struct{} // closed by close: no more jobs
	done chan struct{} // closed when the goroutine has ended
	tx   *tx
}

// job is one write, which runs in its own savepoint.
type job struct {
	run    func(*tx) error
	err    error // what came of run
	answer chan error
}

func startWriter(ctx context.Context, conn *sql.Conn) *writer {
	w := &writer{
		jobs: make(chan job),
		quit: make(chan struct{}),
		done: make(chan struct{}),
		tx:   &tx{ctx: ctx, conn: conn, prepared: map[string]*sql.Stmt{}},
	}
	go w.loop()
	return w
}

// write runs the function in a transaction and returns when it is durable, or
// when nothing of it was written. A caller that gives up does so before its
// write has begun: after that the outcome is waited for.
func (db *DB) write(ctx context.Context, run func(*tx) error) error {
	w := db.writer
	j := job{run: run, answer: make(chan error, 1)}
	select {
	case w.jobs <- j:
		return <-j.answer
	case <-w.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) loop() {
	defer close(w.done)
	for {
		select {
		case j := <-w.jobs:
			w.commit(j)
		case <-w.quit:
			return
		}
	}
}

// commit runs the job and all others that are waiting in one transaction. While
// it reaches the disk the next ones gather. A refusal waits for the commit too,
// for the write that it lost to may be in the same.
func (w *writer) commit(first job) {
	if _, err := w.tx.exec("BEGIN IMMEDIATE"); err != nil {
		first.answer <- fmt.Errorf("begin: %w", err)
		return
	}
	jobs := w.gather(first)
	_, err := w.tx.exec("COMMIT")
	if err != nil {
		_, rollback := w.tx.exec("ROLLBACK")
		err = errors.Join(fmt.Errorf("commit: %w", err), rollback)
	}
	for _, j := range jobs {
		if err != nil {
			j.err = err
		}
		j.answer <- j.err
	}
}

// gather runs the job and those that are waiting, and keeps their outcome.
func (w *writer) gather(j job) (jobs []job) {
	for {
		j.err = w.tx.savepoint(j.run)
		jobs = append(jobs, j)
		if len(jobs) == batch {
			return jobs
		}
		select {
		case j = <-w.jobs:
		default:
			return jobs
		}
	}
}

func (w *writer) close() error {
	close(w.quit)
	<-w.done
	return w.tx.close()
}

// tx is the transaction under way on the writer's connection.
type tx struct {
	ctx      context.Context //nolint:containedctx // the writer's, which does not end
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// savepoint runs the function so that its failure undoes it and nothing else.
func (t *tx) savepoint(run func(*tx) error) error {
	if _, err := t.exec("SAVEPOINT job"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	err := run(t)
	if err != nil {
		if _, undo := t.exec("ROLLBACK TO job"); undo != nil {
			return errors.Join(err, fmt.Errorf("roll back: %w", undo))
		}
	}
	if _, release := t.exec("RELEASE job"); release != nil {
		return errors.Join(err, fmt.Errorf("release: %w", release))
	}
	return err
}

// exec runs a statement and returns how many rows it wrote.
func (t *tx) exec(query string, args ...any) (int64, error) {
	stmt, err := t.prepare(query) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, refusal(err)
	}
	return res.RowsAffected()
}

// find reads one row, as find of [DB] does.
func (t *tx) find(query string, args, dest []any) (bool, error) {
	stmt, err := t.prepare(query) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return false, err
	}
	return scanOne(stmt.QueryRowContext(t.ctx, args...), dest)
}

// list reads all rows, as list of [DB] does.
func (t *tx) list(query string, args []any, row func() []any) error {
	stmt, err := t.prepare(query) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	return scanAll(rows, row)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := t.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.prepared[query] = stmt
	return stmt, nil
}

func (t *tx) close() error {
	var errs []error
	for _, stmt := range t.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, t.conn.Close())...)
}
