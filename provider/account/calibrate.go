package account

import "time"

// calibratedMemoryKiB is the most memory that [Calibrate] gives a hash: beyond it,
// many at once would take that of a small machine.
const calibratedMemoryKiB = 64 << 10

// Calibrate returns parameters at which a hash takes about the target on the machine
// on which cost measures them. It takes memory first, since that is what costs who
// guesses, then passes, [RFC 9106 §4], and never less than the defaults.
//
// [RFC 9106 §4]: https://www.rfc-editor.org/rfc/rfc9106#section-4
func Calibrate(target time.Duration, cost func(Argon2) (time.Duration, error)) (Argon2, time.Duration, error) {
	p := Argon2{MemoryKiB: defaultMemoryKiB, Time: defaultTime, Threads: defaultThreads}
	took, err := cost(p)
	if err != nil || took >= target {
		return p, took, err
	}
	more := float64(target) / float64(max(took, time.Microsecond))
	memory := min(defaultMemoryKiB*more, calibratedMemoryKiB)
	p.MemoryKiB = uint32(memory) &^ 1023
	p.MemoryKiB = max(p.MemoryKiB, defaultMemoryKiB)
	p.Time = uint32(min(max(defaultTime*more*defaultMemoryKiB/float64(p.MemoryKiB), defaultTime), maxArgon2Time))
	took, err = cost(p)
	return p, took, err
}
