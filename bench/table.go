package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// describe says what the figures were measured on.
func describe(out io.Writer, o options) {
	fmt.Fprintf(out, "%s, %d processors (%s), %s, %d clients, %v a path\n",
		now().Format(time.DateOnly), runtime.NumCPU(), processor(), runtime.Version(), o.workers, o.duration)
}

// processor is the name of the processor, where the system has /proc.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	_, rest, _ := strings.Cut(string(info), "model name")
	name, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(name, "\t: ")
}

// printTable prints what was measured on one database, as Markdown.
func printTable(out io.Writer, e engine, results []result, peak stats) {
	fmt.Fprintf(out, "\n%s\n\n", e.name)
	const row = "| %-29s | %8s | %8s | %7s | %7s | %8s | %8s | %7s | %6s | %5s | %6s |\n"
	fmt.Fprintf(out, row, "path", "a second", "target", "p50, ms", "p99, ms",
		"provider", "database", "clients", "allocs", "trips", "others")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range results {
		trips := "-"
		if e.postgres {
			trips = fmt.Sprintf("%.2f", r.roundTrips)
		}
		fmt.Fprintf(out, row, r.name, thousands(int(r.perSecond())), thousands(r.target),
			milliseconds(r.p50), milliseconds(r.p99), microseconds(r.cpu.provider), microseconds(r.cpu.database),
			microseconds(r.cpu.clients), fmt.Sprintf("%.0f", r.allocations), trips,
			fmt.Sprintf("%.0f %%", 100*r.others()))
	}
	fmt.Fprintf(out, "\nprovider, database, clients: µs of processor for an operation, of which there are %d million a second;\n"+
		"allocs, trips: allocations and round trips for one; others: what else the processors were busy with\n",
		runtime.NumCPU())
	fmt.Fprintf(out, "Most memory under this load: %d MiB resident (target 100)\n", peak.PeakKiB>>10)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

func microseconds(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
