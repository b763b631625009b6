package config

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with the settings, each in a line that
// says what was expected. It never contains a secret.
type Error []string

func (e Error) Error() string {
	what := "the configuration has a fault"
	if len(e) > 1 {
		what = fmt.Sprintf("the configuration has %d faults", len(e))
	}
	return what + ":\n  " + strings.Join(e, "\n  ")
}

// faulty is the source of a setting that could not be read: its fault is
// reported already, so that its value is not checked.
const faulty = "faulty"

func (c *Config) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// require reports a fault of the setting with the key unless it is right.
func (c *Config) require(right bool, key, format string, args ...any) {
	source := c.sources[key]
	if right || source == faulty {
		return
	}
	text := key + ": " + fmt.Sprintf(format, args...)
	if source != "" {
		text += " (" + source + ")"
	}
	c.fault("%s", text)
}
