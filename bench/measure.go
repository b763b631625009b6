package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what was measured of a path.
type result struct {
	path
	operations int
	elapsed    time.Duration
	p50, p99   time.Duration
	// Of the provider's process, for one operation.
	allocations, roundTrips float64
	cpu                     cpu
}

// cpu is the time that processors have worked, for whom and in all.
type cpu struct{ provider, database, clients, all time.Duration }

func (c cpu) since(before cpu, operations int) cpu {
	n := time.Duration(operations)
	return cpu{
		(c.provider - before.provider) / n, (c.database - before.database) / n,
		(c.clients - before.clients) / n, (c.all - before.all) / n,
	}
}

// others is the share of the processors that had nothing to do with the bench.
func (r result) others() float64 {
	used := (r.cpu.all - r.cpu.provider - r.cpu.database - r.cpu.clients) * time.Duration(r.operations)
	return max(0, float64(used)/float64(r.elapsed)/float64(runtime.NumCPU()))
}

func (r result) perSecond() float64 { return float64(r.operations) / r.elapsed.Seconds() }

// measure has the workers do the path's operation, first to warm up and then to be
// measured.
func measure(ctx context.Context, p *process, of path, o options) (result, error) {
	operations := make([]operation, o.workers)
	for i := range operations {
		c, err := dial(p.Public)
		if err != nil {
			return result{}, err
		}
		defer c.Close()
		if operations[i], err = of.begin(&worker{conn: c, id: i % maxWorkers}); err != nil {
			return result{}, fmt.Errorf("prepare: %w", err)
		}
	}
	if _, err := repeat(ctx, operations, o.duration/3); err != nil {
		return result{}, err
	}
	profiled := profile(ctx, p, of, o)
	before, cpuBefore, err := p.cost(ctx)
	if err != nil {
		return result{}, err
	}
	start := now()
	latencies, err := repeat(ctx, operations, o.duration)
	elapsed := now().Sub(start)
	if err != nil {
		return result{}, err
	}
	after, cpuAfter, err := p.cost(ctx)
	if err != nil {
		return result{}, err
	}
	n := len(latencies)
	return result{
		path: of, operations: n, elapsed: elapsed,
		p50: latencies[n/2], p99: latencies[n*99/100],
		allocations: float64(after.Mallocs-before.Mallocs) / float64(n),
		roundTrips:  float64(after.RoundTrips-before.RoundTrips) / float64(n),
		cpu:         cpuAfter.since(cpuBefore, n),
	}, profiled()
}

// cost is what everything has cost so far.
func (p *process) cost(ctx context.Context) (stats, cpu, error) {
	s, err := p.stats(ctx)
	return s, cpu{s.CPU, databaseCPU(), cpuTime(), machineCPU()}, err
}

// repeat repeats each operation for as long, all at once, and returns how long
// each took, in order.
func repeat(ctx context.Context, operations []operation, duration time.Duration) ([]time.Duration, error) {
	taken := make([][]time.Duration, len(operations))
	failed := make([]error, len(operations))
	end := now().Add(duration)
	var running sync.WaitGroup
	for i, do := range operations {
		running.Go(func() { taken[i], failed[i] = repeatOne(ctx, do, end) })
	}
	running.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	all := slices.Concat(taken...)
	slices.Sort(all)
	return all, ctx.Err()
}

// repeatOne repeats the operation, once at least.
func repeatOne(ctx context.Context, do operation, end time.Time) (taken []time.Duration, err error) {
	for at := now(); ; {
		if err := do(); err != nil {
			return nil, err
		}
		done := now()
		taken = append(taken, done.Sub(at))
		if at = done; !at.Before(end) || ctx.Err() != nil {
			return taken, ctx.Err()
		}
	}
}

// profile takes a CPU profile of the provider while the path is measured, if that
// is asked for. What it returns waits for it.
func profile(ctx context.Context, p *process, of path, o options) func() error {
	if o.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		seconds := max(1, int(o.duration.Seconds()))
		body, err := p.control(ctx, fmt.Sprintf("/profile?seconds=%d", seconds))
		if err == nil {
			name := strings.NewReplacer(" ", "-", ",", "").Replace(of.name) + "-" + filepath.Base(p.dir) + ".pprof"
			err = os.WriteFile(filepath.Join(o.profiles, name), body, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}
