package main

import (
	"math"
	"runtime"
	"runtime/debug"
)

const (
	// collectPercent lets garbage grow to four times what lives, which is a few
	// MiB: at Go's 100 the collector takes a seventh of the time of a busy provider.
	collectPercent = 400
	// spareMemory is what there may be beside the passwords being hashed before
	// the collector works harder. 10,000 clients in memory take less than half of it.
	spareMemory = 40 << 20
)

// limitMemory bounds what the process takes of the machine: a hash of a password
// leaves 19 MiB of garbage behind. GOMEMLIMIT, if it is set, decides instead.
func (p *process) limitMemory() {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	hashes := p.config.Password.Concurrency
	if hashes == 0 {
		hashes = runtime.GOMAXPROCS(0)
	}
	debug.SetGCPercent(collectPercent)
	debug.SetMemoryLimit(spareMemory + int64(hashes)*int64(p.config.Password.MemoryKiB)<<10)
}
