package strictyaml_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatelodge/gatelodge/internal/strictyaml"
)

type inner struct {
	Every time.Duration `yaml:"every"`
	Names []string      `yaml:"names"`
}

// Embedded is exported because embedded structs of other packages are.
type Embedded struct {
	Mode string          `json:"mode,omitempty"`
	JWKS json.RawMessage `json:"jwks,omitempty"`
}

type document struct {
	Embedded

	Count uint   `yaml:"count"`
	Deep  inner  `yaml:"deep"`
	List  []item `yaml:"list"`
	Flag  *bool  `yaml:"flag"`
}

type item struct {
	Title string `yaml:"title"`
}

func TestDocumentIsDecodedOverTheDefaults(t *testing.T) {
	t.Parallel()
	got := document{Count: 7, Embedded: Embedded{Mode: "kept"}}
	lines, faults := strictyaml.Decode([]byte(`
deep: {every: 90s, names: [a, b]}
list:
  - title: 12
flag: false
mode:
jwks: {keys: [{kty: RSA}]}
`), &got)
	off := false
	want := document{
		Embedded: Embedded{Mode: "kept", JWKS: json.RawMessage(`{"keys":[{"kty":"RSA"}]}`)},
		Count:    7,
		Deep:     inner{Every: 90 * time.Second, Names: []string{"a", "b"}},
		List:     []item{{Title: "12"}},
		Flag:     &off,
	}
	if diff := cmp.Diff(want, got); diff != "" || faults != nil {
		t.Errorf("faults %v, document (-want +got):\n%s", faults, diff)
	}
	if lines["list[0].title"] != 4 || lines["flag"] != 5 {
		t.Errorf("lines = %v", lines)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, faults := strictyaml.Decode([]byte(`count: -1
deep:
  evry: 10m
  every: soon
  names: a
list:
  - titel: x
  - title: [x]
flag: maybe
flag: true
zzzzzzzzzz: 1
`), &document{})
	var got []string
	for _, fault := range faults {
		got = append(got, fault.String())
	}
	want := []string{
		`line 1: count: must be a whole number, not negative, is "-1"`,
		`line 3: deep.evry: unknown key, did you mean "every"?`,
		`line 4: deep.every: must be a duration such as "90s", "10m" or "720h", is "soon"`,
		`line 5: deep.names: must be a list`,
		`line 7: list[0].titel: unknown key, did you mean "title"?`,
		`line 8: list[1].title: must be text, is a list or a mapping`,
		`line 9: flag: must be true or false, is "maybe"`,
		`line 10: flag: is given twice`,
		`line 11: zzzzzzzzzz: unknown key, known here: count, deep, flag, jwks, list, mode`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestDocumentMustBeOneMapping(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"- a":             "line 1: must be a mapping of keys to values",
		"count: 1\n---\n": "must be one document, a second one follows",
		"count: [":        "line 1: did not find expected node content",
	} {
		if _, faults := strictyaml.Decode([]byte(text), &document{}); len(faults) != 1 || faults[0].String() != want {
			t.Errorf("%q: faults = %v, want %s", text, faults, want)
		}
	}
	if _, faults := strictyaml.Decode([]byte("# nothing\n"), &document{}); faults != nil {
		t.Errorf("an empty document: faults = %v", faults)
	}
}

// A password that begins with * reads as an alias, which the parser would name.
func TestWhatReadsAsAnAliasIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, faults := strictyaml.Decode([]byte("mode: *hunter2\n"), &document{})
	if len(faults) != 1 || faults[0].String() != "a text that begins with * must be quoted" {
		t.Errorf("faults = %v", faults)
	}
}

func TestSetSplitsListsAtCommas(t *testing.T) {
	t.Parallel()
	var list []string
	if err := strictyaml.Set(&list, "a, b,"); err != nil || !cmp.Equal(list, []string{"a", "b"}) {
		t.Errorf("list = %q, %v", list, err)
	}
	var every time.Duration
	if err := strictyaml.Set(&every, "soon"); err == nil {
		t.Error("a duration of \"soon\" was accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("deep: {every: 1s}\nlist: [{title: x}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		strictyaml.Decode(data, &document{})
	})
}
