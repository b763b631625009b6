package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What follows is 0 where the system has no /proc.

// peakMemory is the most that this process has had resident, in KiB, and memory
// what another has now.
func peakMemory() int        { return statusOf(os.Getpid(), "VmHWM:") }
func memory(process int) int { return statusOf(process, "VmRSS:") }

func statusOf(process int, field string) int {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib
		}
	}
	return 0
}

// machineCPU is what the processors have worked in all.
func machineCPU() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var sum int
	for i, field := range strings.Fields(line)[1:] {
		n, _ := strconv.Atoi(field)
		if i != 3 && i != 4 { // idle, and waiting for a disk
			sum += n
		}
	}
	return time.Duration(sum) * tick
}

// tick is the unit of /proc, on all systems of today.
const tick = 10 * time.Millisecond

// databaseCPU is what the servers of the PostgreSQL that this process has started
// have used of the processors: they are its grandchildren.
func databaseCPU() time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	parents, used := map[int]int{}, map[int]int{}
	for _, name := range stats {
		stat, err := os.ReadFile(name) //nolint:gosec // below /proc
		if err != nil {
			continue // it has ended
		}
		// After the name, in parentheses: state, parent, ..., utime, stime.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		process, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		parents[process], _ = strconv.Atoi(fields[1])
		used[process] = user + system
	}
	var sum int
	for process, parent := range parents {
		if parents[parent] == os.Getpid() {
			sum += used[process]
		}
	}
	return time.Duration(sum) * tick
}
