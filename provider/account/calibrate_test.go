package account

import (
	"errors"
	"testing"
	"time"
)

// The slower the hash is to be, the more memory and then passes it takes, on whatever
// machine; and never less than OWASP's first recommendation.
func TestCalibrationTakesMemoryFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target, perPass time.Duration // a pass over a MiB
		want            Argon2
	}{
		"a slow machine keeps the least": {250 * time.Millisecond, 10 * time.Millisecond, Argon2{MemoryKiB: 19456, Time: 2, Threads: 1}},
		"memory":                         {80 * time.Millisecond, time.Millisecond, Argon2{MemoryKiB: 40960, Time: 2, Threads: 1}},
		"then passes":                    {320 * time.Millisecond, time.Millisecond, Argon2{MemoryKiB: 65536, Time: 5, Threads: 1}},
		"within what can be verified":    {time.Hour, time.Microsecond, Argon2{MemoryKiB: 65536, Time: 16, Threads: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cost := func(p Argon2) (time.Duration, error) {
				return time.Duration(p.MemoryKiB) * time.Duration(p.Time) * test.perPass / 1024, nil
			}
			got, took, err := Calibrate(test.target, cost)
			if want, _ := cost(test.want); got != test.want || took != want || err != nil {
				t.Errorf("got %+v, %s, %v, want %+v", got, took, err, test.want)
			}
			if _, err := NewHasher(got); err != nil {
				t.Error(err)
			}
		})
	}
	broken := errors.New("broken")
	if _, _, err := Calibrate(time.Second, func(Argon2) (time.Duration, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
