// Package jwt owns how claims of a JWT are written that are not plain JSON. It
// signs and verifies nothing, which is provider/keys's and provider/client's.
package jwt

import (
	"encoding/json"
	"time"
)

// Audience is written as a string when there is one and as an array otherwise,
// [RFC 7519 §4.1.3].
//
// [RFC 7519 §4.1.3]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3
type Audience []string

// MarshalJSON implements [json.Marshaler].
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// Instant is the time of a NumericDate, [RFC 7519 §2], in UTC. One beyond all clocks
// is at their end.
//
// [RFC 7519 §2]: https://www.rfc-editor.org/rfc/rfc7519#section-2
func Instant(seconds float64) time.Time {
	const end = 1 << 40 // in 36,812
	return time.UnixMicro(int64(max(-end, min(end, seconds)) * 1e6)).UTC()
}
