package authapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/authapi"
)

// spec is the description of the API.
type spec struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

// schema is as much of JSON Schema as the description uses.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]schema
	Required             []string
	AdditionalProperties *bool
	Items                *schema
	Enum                 []string
	OneOf, AnyOf         []schema
}

func readSpec(t *testing.T) *spec {
	t.Helper()
	data, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// check holds an answer against the description.
func (s *spec) check(t *testing.T, method, path string, res providertest.Response) {
	t.Helper()
	described, ok := s.Paths[path][strings.ToLower(method)].Responses[strconv.Itoa(res.StatusCode)]
	if !ok {
		t.Fatalf("%s %s: the status %d is not described: %s", method, path, res.StatusCode, res.Body)
	}
	if len(described.Content) == 0 {
		if res.Body != "" {
			t.Errorf("%s %s: %d has a body", method, path, res.StatusCode)
		}
		return
	}
	content, ok := described.Content[res.Header.Get("Content-Type")]
	if !ok {
		t.Fatalf("%s %s: %d is %s", method, path, res.StatusCode, res.Header.Get("Content-Type"))
	}
	var value any
	if err := json.Unmarshal([]byte(res.Body), &value); err != nil {
		t.Fatal(err)
	}
	if fault := s.fault(content.Schema, value); fault != "" {
		t.Errorf("%s %s: %d: %s in %s", method, path, res.StatusCode, fault, res.Body)
	}
}

// fault tells why the value is not of the schema, "" if it is.
func (s *spec) fault(is schema, value any) string {
	if is.Ref != "" {
		return s.fault(s.Components.Schemas[strings.TrimPrefix(is.Ref, "#/components/schemas/")], value)
	}
	if choices := append(is.OneOf, is.AnyOf...); len(choices) > 0 {
		faults := []string{}
		for _, c := range choices {
			faults = append(faults, s.fault(c, value))
		}
		if slices.Contains(faults, "") {
			return ""
		}
		return strings.Join(faults, ", and ")
	}
	switch v := value.(type) {
	case nil:
		return unless(is.Type == "null", "is null")
	case bool:
		return unless(is.Type == "boolean", "is a boolean")
	case float64:
		return unless(is.Type == "integer" && v == float64(int64(v)), "is a number")
	case string:
		return unless(is.Type == "string" && (is.Enum == nil || slices.Contains(is.Enum, v)), "is the string "+v)
	case []any:
		if is.Type != "array" {
			return "is an array"
		}
		for _, item := range v {
			if fault := s.fault(*is.Items, item); fault != "" {
				return "an item " + fault
			}
		}
		return ""
	case map[string]any:
		return s.faultOfObject(is, v)
	}
	return fmt.Sprintf("is %T", value)
}

func (s *spec) faultOfObject(is schema, v map[string]any) string {
	if is.Type != "object" {
		return "is an object"
	}
	for _, name := range is.Required {
		if _, there := v[name]; !there {
			return name + " is missing"
		}
	}
	for name, member := range v {
		described, ok := is.Properties[name]
		if !ok {
			return unless(is.AdditionalProperties == nil || *is.AdditionalProperties, name+" is not described")
		}
		if fault := s.fault(described, member); fault != "" {
			return name + " " + fault
		}
	}
	return ""
}

func unless(right bool, fault string) string {
	if right {
		return ""
	}
	return fault
}

// The description has every route, and no other; and it is served.
func TestDescriptionHasEveryRoute(t *testing.T) {
	t.Parallel()
	s := readSpec(t)
	r := chi.NewRouter()
	(&authapi.Handler{}).Routes(r)
	routes := map[string]bool{}
	err := chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path := strings.TrimPrefix(route, "/api/auth")
		if method == http.MethodOptions || path == "/openapi.json" {
			return nil
		}
		routes[method+" "+path] = true
		if _, ok := s.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s %s is not described", method, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for path, operations := range s.Paths {
		for method := range operations {
			if described++; !routes[strings.ToUpper(method)+" "+path] {
				t.Errorf("there is no %s %s", method, path)
			}
		}
	}
	if described == 0 {
		t.Error("it describes nothing")
	}
	p := providertest.New(t, own())
	if got := p.Get(t, providertest.Browser(t), "/api/auth/openapi.json").JSON(t)["openapi"]; got != "3.1.0" {
		t.Errorf("served: %v", got)
	}
}
