// Package strictyaml decodes YAML written by people: a key that does not exist
// is an error that names the nearest one that does, and all faults are reported
// at once, each with its line. It owns no format: the fields of the struct it
// decodes into, under their yaml or json names, are the only keys there are.
package strictyaml

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing wrong with a document.
type Fault struct {
	// Key is the path of the key, such as "clients[2].redirect_uris"; "" when
	// the document as a whole is meant.
	Key string
	// Line counts from 1; 0 when it is not known.
	Line int
	// Problem says what is wrong and what would be right.
	Problem string
}

func (f Fault) String() string {
	var text string
	if f.Line > 0 {
		text = fmt.Sprintf("line %d: ", f.Line)
	}
	if f.Key != "" {
		text += f.Key + ": "
	}
	return text + f.Problem
}

// Lines says on which line each key of a document stands.
type Lines map[string]int

// Decode decodes the one document in data into v, a pointer to a struct. What
// the document does not name is left as it is. The lines are of all keys, those
// of faulty ones too.
func Decode(data []byte, v any) (Lines, []Fault) {
	d := &decoder{lines: Lines{}}
	root, err := parse(data)
	switch {
	case err != nil:
		d.fault("", nil, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	case root != nil:
		d.decode("", root, reflect.ValueOf(v).Elem())
	}
	return d.lines, d.faults
}

// Set decodes text, as it stands in an environment variable, into v, a pointer
// to a value of one of the types that a document can have as a scalar, or to a
// slice of them, whose elements the text separates by commas.
func Set(v any, text string) error {
	d := &decoder{lines: Lines{}}
	target := reflect.ValueOf(v).Elem()
	node := scalar(text)
	if target.Kind() == reflect.Slice {
		node = &yaml.Node{Kind: yaml.SequenceNode}
		for element := range strings.SplitSeq(text, ",") {
			if element = strings.TrimSpace(element); element != "" {
				node.Content = append(node.Content, scalar(element))
			}
		}
	}
	if d.decode("", node, target); len(d.faults) > 0 {
		return errors.New(d.faults[0].Problem)
	}
	return nil
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
}

// parse returns the root of the only document, nil if it is empty.
func parse(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var document, more yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil && strings.Contains(err.Error(), "unknown anchor") {
		// It repeats what more likely is a secret than an alias.
		return nil, errors.New("a text that begins with * must be quoted")
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be one document, a second one follows")
	}
	return document.Content[0], nil
}

type decoder struct {
	lines  Lines
	faults []Fault
}

func (d *decoder) fault(key string, node *yaml.Node, format string, args ...any) {
	fault := Fault{Key: key, Problem: fmt.Sprintf(format, args...)}
	if node != nil {
		fault.Line = node.Line
	}
	d.faults = append(d.faults, fault)
}

func (d *decoder) decode(key string, node *yaml.Node, v reflect.Value) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	_, text := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	switch {
	case node.ShortTag() == "!!null":
		// An empty value leaves the default.
	case text:
		d.scalar(key, node, v)
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		d.raw(key, node, v)
	case v.Kind() == reflect.Struct:
		d.mapping(key, node, v)
	case v.Kind() == reflect.Slice:
		d.sequence(key, node, v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(key, node, v.Elem())
	default:
		d.scalar(key, node, v)
	}
}

func (d *decoder) mapping(key string, node *yaml.Node, v reflect.Value) {
	if node.Kind != yaml.MappingNode {
		d.fault(key, node, "must be a mapping of keys to values")
		return
	}
	fields := map[string]reflect.Value{}
	collect(fields, v)
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		path := join(key, name.Value)
		d.lines[path] = name.Line
		field, known := fields[name.Value]
		switch {
		case !known:
			d.fault(path, name, "unknown key, %s", suggest(name.Value, fields))
		case seen[name.Value]:
			d.fault(path, name, "is given twice")
		default:
			d.decode(path, value, field)
		}
		seen[name.Value] = true
	}
}

func (d *decoder) sequence(key string, node *yaml.Node, v reflect.Value) {
	if node.Kind != yaml.SequenceNode {
		d.fault(key, node, "must be a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.lines[path] = item.Line
		d.decode(path, item, list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) scalar(key string, node *yaml.Node, v reflect.Value) {
	want := describe(v)
	switch {
	case node.Kind != yaml.ScalarNode:
		d.fault(key, node, "must be %s, is a list or a mapping", want)
	case node.Decode(v.Addr().Interface()) != nil:
		// Text accepts every scalar, so what is shown here is never a secret.
		d.fault(key, node, "must be %s, is %q", want, node.Value)
	}
}

// raw keeps a value whose form is not ours to know as JSON.
func (d *decoder) raw(key string, node *yaml.Node, v reflect.Value) {
	var value any
	err := node.Decode(&value)
	if err == nil {
		var data []byte
		if data, err = json.Marshal(value); err == nil {
			v.SetBytes(data)
			return
		}
	}
	d.fault(key, node, "must be what JSON can express")
}

func describe(v reflect.Value) string {
	switch v.Interface().(type) {
	case time.Duration:
		return `a duration such as "90s", "10m" or "720h"`
	case netip.Prefix:
		return `a network such as "10.0.0.0/8"`
	case slog.Level:
		return "debug, info, warn or error"
	}
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return "a whole number"
	case v.CanUint():
		return "a whole number, not negative"
	default:
		return "text"
	}
}

// collect gathers the fields of a struct under their names; those of embedded
// structs stand beside its own.
func collect(fields map[string]reflect.Value, v reflect.Value) {
	for field, value := range v.Fields() {
		switch name := Name(field); {
		case field.Anonymous && name == "":
			collect(fields, value)
		case name != "":
			fields[name] = value
		}
	}
}

// Name returns the key that a field is decoded from: its yaml name, else its
// json name, "" if it has neither.
func Name(field reflect.StructField) string {
	for _, tag := range []string{"yaml", "json"} {
		if name, _, _ := strings.Cut(field.Tag.Get(tag), ","); name != "" && name != "-" {
			return name
		}
	}
	return ""
}

func suggest(key string, fields map[string]reflect.Value) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if near := Nearest(key, names, max(2, len(key)/2)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(names, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
