// Command bench measures how much the provider does a second, and prints it as a
// table: the whole provider on a fresh database, durable, and eight clients that
// each send their next request when the last was answered, all on one machine.
//
// The provider is a process of its own, which this program starts again from
// itself: the handler, the server's limits and the log of "gatelodge serve",
// besides a listener that tells what it has cost. PostgreSQL is a real server with
// its data on disk and all durability on. What only the built program can show, its
// size, its memory and how fast it starts, is measured on bin/gatelodge.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line's.
type options struct {
	engine   string
	paths    string
	duration time.Duration
	workers  int
	profiles string // a directory, "" for none
	binary   string // the built program, "" for none
}

func main() {
	if settings, ok := isProvider(); ok {
		exit(provide(settings))
	}
	var o options
	seconds := flag.Float64("seconds", 3, "how long to measure each path, after a third of that to warm up")
	flag.StringVar(&o.engine, "engine", "both", "sqlite, postgres or both")
	flag.StringVar(&o.paths, "paths", "", "measure only the paths with this in their name")
	flag.IntVar(&o.workers, "workers", 8, "clients at once")
	flag.StringVar(&o.profiles, "cpuprofile", "", "directory for a CPU profile of the provider under each path")
	flag.StringVar(&o.binary, "binary", "bin/gatelodge", `the built program, "" to leave it out`)
	flag.Parse()
	o.duration = time.Duration(*seconds * float64(time.Second))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures what the options ask for and writes the tables.
func run(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "gatelodge-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	describe(out, o)
	if err := printLimits(out, o.duration/3); err != nil {
		return err
	}
	engines, err := choose(o.engine)
	if err != nil {
		return err
	}
	for _, e := range engines {
		if err := measureEngine(ctx, e, filepath.Join(dir, e.file), o, out); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	if o.binary == "" {
		return nil
	}
	return measureProgram(ctx, o.binary, filepath.Join(dir, "program"), out)
}

// engine is a database to measure on.
type engine struct {
	name, file string
	postgres   bool
	// parameters are added to the URL.
	parameters string
}

func choose(name string) ([]engine, error) {
	all := []engine{
		{name: "SQLite", file: "sqlite"},
		{name: "PostgreSQL", file: "postgres", postgres: true},
		{
			name: "PostgreSQL, without prepared statements, as behind a pooler", file: "postgres-exec",
			postgres: true, parameters: "&default_query_exec_mode=exec",
		},
	}
	switch name {
	case "both":
		return all, nil
	case "sqlite":
		return all[:1], nil
	case "postgres":
		return all[1:], nil
	}
	return nil, fmt.Errorf("no engine %q: sqlite, postgres or both", name)
}

// measureEngine measures all paths on one database.
func measureEngine(ctx context.Context, e engine, dir string, o options, out io.Writer) (err error) {
	chosen := slices.DeleteFunc(paths(), func(p path) bool { return !strings.Contains(p.name, o.paths) })
	if len(chosen) == 0 {
		return nil
	}
	say("%s: starting", e.name)
	p, err := startProvider(ctx, e, dir)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := p.stop(); err == nil {
			err = stopped
		}
	}()
	var results []result
	for _, path := range chosen {
		say("%s: %s", e.name, path.name)
		r, err := measure(ctx, p, path, o)
		if err != nil {
			return fmt.Errorf("%s: %w", path.name, err)
		}
		results = append(results, r)
	}
	peak, err := p.stats(ctx)
	if err != nil {
		return err
	}
	printTable(out, e, results, peak)
	return nil
}

// say shows that something is under way.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
