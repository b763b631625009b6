package jwt_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/provider/jwt"
)

// RFC 7519 §4.1.3.
func TestAudienceIsAStringOrAnArray(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]jwt.Audience{
		`"a"`: {"a"}, `["a","b"]`: {"a", "b"}, `[]`: {},
	} {
		var got jwt.Audience
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
		if again, err := json.Marshal(got); err != nil || string(again) != text {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	}
	var got jwt.Audience
	if err := json.Unmarshal([]byte(`{"a":1}`), &got); err == nil {
		t.Errorf("an object is the audience %v", got)
	}
}

// RFC 7519 §2: a NumericDate can have a fraction, and be any number.
func TestNumericDateIsATime(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]time.Time{
		0: time.Unix(0, 0), 1.5: time.UnixMilli(1500), -1: time.Unix(-1, 0),
		1e300: time.Unix(1<<40, 0), -1e300: time.Unix(-1<<40, 0),
	} {
		if got := jwt.Instant(seconds); !got.Equal(want) {
			t.Errorf("%g: got %s, want %s", seconds, got, want)
		}
	}
}
