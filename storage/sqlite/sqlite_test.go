package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/gatelodge/gatelodge/migrations"
	"github.com/gatelodge/gatelodge/storage"
	"github.com/gatelodge/gatelodge/storage/sqlite"
	"github.com/gatelodge/gatelodge/storage/storagetest"
)

// killedEnv names the file in which this program, run again, writes until it is
// killed.
const killedEnv = "GATELODGE_TEST_KILLED"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedEnv); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, newPath(t))
	})
}

func TestSecondServingProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	first, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path)
	if !errors.Is(err, sqlite.ErrServed) || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v, want %v naming %s", err, sqlite.ErrServed, path)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// An operator's command writes beside the process that serves.
func TestCommandWritesBesideTheServingProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	serving := open(t, path)
	command, err := sqlite.OpenShared(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer command.Close()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			db := serving
			if i%2 == 0 {
				db = command
			}
			if err := db.SaveClient(t.Context(), newClient(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := serving.ListClients(t.Context())
	if err != nil || len(all) != 40 {
		t.Fatalf("got %d clients and error %v, want 40", len(all), err)
	}
}

func TestProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var wg sync.WaitGroup
	for range 6 {
		db, err := sqlite.OpenShared(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		wg.Go(func() {
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
			if done, err := db.Migrated(t.Context()); err != nil || !done {
				t.Errorf("migrated: got %t and error %v", done, err)
			}
		})
	}
	wg.Wait()
}

// Records of the releases before are read as they were meant, whether those wrote
// them before the migration or after, and people who are there already get a salt each.
func TestRecordsOfFormerSchemasStayValid(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]int64{"before": 2, "after": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "gatelodge.db")
			conns, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conns.Close()
			const at, list = "1927857906000000", "'[]'"
			upTo(t, conns, 1)
			run(t, conns, storagetest.FirstRecords(at, list, "randomblob(32)"))
			upTo(t, conns, written)
			run(t, conns, storagetest.SecondRecords(at, list))
			storagetest.CheckFirstRecords(t, open(t, path))
		})
	}
}

func upTo(t *testing.T, conns *sql.DB, version int64) {
	t.Helper()
	p, err := goose.NewProvider(goose.DialectSQLite3, conns, migrations.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, conns *sql.DB, statements string) {
	t.Helper()
	if _, err := conns.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func TestEmptyFileIsNotMigrated(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), newPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if done, err := db.Migrated(t.Context()); err != nil || done {
		t.Fatalf("migrated: got %t and error %v", done, err)
	}
}

// A path is a path, whatever its characters mean in a URL.
func TestPathMayHaveAnyCharacters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c=d&e#f%20", "gate lodge.db")
	open(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

// The database has the hashes of all passwords.
func TestOnlyTheOwnerCanReadTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatelodge.db")
	open(t, path)
	for _, file := range []string{path, path + "-wal"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o", file, mode)
		}
	}
}

// Nothing acknowledged is lost when the process is killed.
func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedEnv+"="+path)
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 300 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if len(acknowledged) < 300 {
		t.Fatalf("the child ended by itself after %d writes", len(acknowledged))
	}
	db := open(t, path)
	for _, id := range acknowledged {
		if _, err := db.FindClient(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// writeUntilKilled prints the id of each client when it is saved.
func writeUntilKilled(path string) {
	// It stops by itself should the parent be gone.
	t := time.AfterFunc(time.Minute, func() { os.Exit(1) })
	defer t.Stop()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path)
	if err == nil {
		err = db.Migrate(ctx)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; err == nil; i += 4 {
				c := newClient(i)
				if db.SaveClient(ctx, c) == nil {
					fmt.Println(c.ID)
				}
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func newClient(i int) storage.Client {
	now := time.Now()
	return storage.Client{ID: fmt.Sprint("client ", i), CreatedAt: now, UpdatedAt: now}
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data", "gatelodge.db")
}

// open opens the file, with its schema, for the length of the test.
func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}
