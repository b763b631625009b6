package main

import "runtime/debug"

// collectLess lets garbage grow to four times what lives, which is a few MiB: at
// Go's default the collector takes a seventh of the time of a busy provider. What
// GOGC says, if it is set, stands.
func collectLess() {
	const percent, byDefault = 400, 100
	if before := debug.SetGCPercent(percent); before != byDefault {
		debug.SetGCPercent(before)
	}
}
