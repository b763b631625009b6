package config

import "log/slog"

const redacted = "[redacted]"

// Secret is a setting that is never shown: however it is printed, logged or
// marshalled, it says [redacted]. Convert it to a string to use it.
type Secret string

// String implements [fmt.Stringer].
func (Secret) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (Secret) GoString() string { return redacted }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and with it JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
