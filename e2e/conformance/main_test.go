// Package conformance runs what the OpenID Foundation's conformance suite asks
// of a provider, in our own words: a test for each module of its profiles for
// OpenID Connect, under the module's name, over HTTP and TLS against the whole
// provider. modules.txt lists them.
//
// The package is the relying party: its clients register themselves, its server
// has the addresses that they register, its browser knows forms, frames and
// cookies but no script. It takes nothing on trust from the provider's code:
// tokens are verified with go-jose and the keys that are published. What only
// costs a warning there is a failure here.
package conformance

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is one module of the suite.
type module struct {
	name string
	// plans are the profiles that it belongs to.
	plans string
	test  func(*run)
}

// modules are all that there is a test for.
func modules() []module {
	return slices.Concat(
		authorizationModules(), idTokenModules(), userinfoModules(), requestObjectModules(),
		discoveryModules(), registrationModules(), logoutModules(), sessionModules(), thirdPartyModules(),
	)
}

// variant is a way to run a module: B, I and H have several.
type variant struct {
	name string
	// responseType and formPost are what the client asks for.
	responseType string
	formPost     bool
	// auth is how the client authenticates at the token endpoint.
	auth string
}

// has reports whether the response type has the part: code, id_token or token.
func (v variant) has(part string) bool { return slices.Contains(strings.Fields(v.responseType), part) }

// codeFlow reports whether nothing but a code goes through the browser.
func (v variant) codeFlow() bool { return v.responseType == "code" }

// variants are the variants of a profile.
func variants(plan string) []variant {
	switch plan {
	case "B":
		return bothModes("code")
	case "I":
		return bothModes("id_token", "id_token token")
	case "H":
		return bothModes("code id_token", "code token", "code id_token token")
	case "D":
		var all []variant
		for _, responseType := range []string{"code", "id_token token", "code id_token token"} {
			all = append(all, variant{
				name: "dynamic " + responseType, responseType: responseType, auth: "private_key_jwt",
			})
		}
		return all
	default: // what the others ask does not depend on the response type
		return []variant{{name: plan, responseType: "code", auth: "client_secret_basic"}}
	}
}

func bothModes(responseTypes ...string) []variant {
	var all []variant
	for _, responseType := range responseTypes {
		all = append(all,
			variant{name: responseType, responseType: responseType, auth: "client_secret_basic"},
			variant{name: responseType + " form_post", responseType: responseType, formPost: true, auth: "client_secret_basic"})
	}
	return all
}

func TestModules(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, m := range modules() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for plan := range strings.FieldsSeq(m.plans) {
				for _, v := range variants(plan) {
					t.Run(v.name, func(t *testing.T) {
						t.Parallel()
						m.test(s.run(t, plan, v))
					})
				}
			}
		})
	}
}

//go:embed modules.txt
var list string

// Every module has a test, in each profile that it belongs to.
func TestEveryModuleHasATest(t *testing.T) {
	t.Parallel()
	tested := map[string]string{}
	for _, m := range modules() {
		if _, again := tested[m.name]; again {
			t.Errorf("%s has two tests", m.name)
		}
		tested[m.name] = m.plans
	}
	listed := map[string]string{}
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, " | ")
		if len(fields) != 3 {
			t.Fatalf("modules.txt: %q", line)
		}
		listed[fields[0]] = fields[1]
	}
	if diff := cmp.Diff(listed, tested); diff != "" {
		t.Errorf("the plans of the modules (-listed +tested):\n%s", diff)
	}
}
