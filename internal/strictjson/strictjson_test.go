package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/strictjson"
)

func TestObjectIsReadAlikeByAll(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{}`: nil,
		` {"a": [{"b": 1}, {"b": 2}], "A": null, "n": 123456789012345678901234567890} `: nil,
		`{"a": ` + strings.Repeat("[", 15) + `1` + strings.Repeat("]", 15) + `}`:        nil,
		``:                                     strictjson.ErrNotObject,
		`null`:                                 strictjson.ErrNotObject,
		`[]`:                                   strictjson.ErrNotObject,
		`{} {}`:                                strictjson.ErrNotObject,
		`{"a": 1`:                              strictjson.ErrNotObject,
		`{"a": [1}`:                            strictjson.ErrNotObject,
		"{\"a\": \"\xff\"}":                    strictjson.ErrNotObject,
		`{"a": 1, "a": 1}`:                     strictjson.ErrTwice,
		`{"a": 1, "\u0061":2}`:                 strictjson.ErrTwice,
		`{"b": [{"a": 1, "c": {}, "a": 1}]}`:   strictjson.ErrTwice,
		`{"a": ` + strings.Repeat("[", 20_000): strictjson.ErrDeep,
		`{"a": ` + strings.Repeat(`{"a": `, 17) + `1}`: strictjson.ErrDeep,
	} {
		if _, err := strictjson.Object([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.40s: got %v, want %v", text, err, want)
		}
	}
}

func TestMembersAreAsTheyWereSent(t *testing.T) {
	t.Parallel()
	got, err := strictjson.Object([]byte(`{"n": 1.0, "N": {"a" : []}, "x": null}`))
	want := map[string]json.RawMessage{"n": []byte("1.0"), "N": []byte(`{"a" : []}`), "x": []byte("null")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
