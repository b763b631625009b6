package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
)

func requestObjectModules() []module {
	return []module{
		{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", "B I H", unsignedByReference},
		{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", "B I H", unsigned},
		{"oidcc-ensure-request-object-with-redirect-uri", "B I H D", redirectURIOfObject},
		{"oidcc-request-uri-unsigned", "D", unsignedByReference},
		{"oidcc-request-uri-signed-rs256", "D", signedByReference},
	}
}

// claims are the claims of a request object, OpenID Connect Core §6.1.
func (c *client) claims(request url.Values) map[string]any {
	claims := map[string]any{"iss": c.id, "aud": c.op.URL}
	for name := range request {
		claims[name] = request.Get(name)
	}
	return claims
}

// outer are the parameters that the suite sends beside an object, with a change.
func (c *client) outer(request url.Values, name, value string) url.Values {
	outer := url.Values{name: {value}}
	for _, name := range []string{"response_type", "client_id", "scope", "redirect_uri"} {
		outer.Set(name, request.Get(name))
	}
	return outer
}

// unsignedObject is a JWT without a signature, RFC 7519 §6.
func unsignedObject(r *run, claims map[string]any) string {
	r.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		r.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload) + "."
}

// noneIsNotListed: only then does the suite leave unsigned objects out.
func noneIsNotListed(r *run) {
	r.Helper()
	listed := r.listed("request_object_signing_alg_values_supported")
	if slices.Contains(listed, "none") || !slices.Contains(listed, "RS256") {
		r.Errorf("request_object_signing_alg_values_supported is %v", listed)
	}
}

// refusedObject checks that the request with the parameter is refused, and not
// just answered as if it had none.
func (c *client) refusedObject(name, value string) {
	c.Helper()
	request := c.request(name, value)
	if code := c.authorize(request).refused(); code != "invalid_request_object" {
		c.Errorf("the error is %s", code)
	}
}

func unsigned(r *run) {
	noneIsNotListed(r)
	c := r.register(nil)
	c.refusedObject("request", unsignedObject(r, c.claims(c.request())))
}

func unsignedByReference(r *run) {
	noneIsNotListed(r)
	uri := r.rp.url("request.jwt") + "#" + random()
	c := r.register(map[string]any{"request_uris": []string{uri}})
	r.rp.serve("request.jwt", "application/oauth-authz-req+jwt", unsignedObject(r, c.claims(c.request())))
	c.refusedObject("request_uri", uri)
}

// The object's redirect_uri, state and nonce are the request's; the query's
// redirect_uri is not the client's.
func redirectURIOfObject(r *run) {
	if supported, _ := r.metadata["request_parameter_supported"].(bool); !supported {
		r.Error("request_parameter_supported is not true")
	}
	c := r.register(nil)
	request := c.request()
	outer := c.outer(request, "request", c.sign(c.claims(request)))
	outer.Set("redirect_uri", r.rp.url("callback/"+random()))
	c.visit(c.browser.open(c.endpoint("authorization_endpoint")+"?"+outer.Encode()), request).granted()
}

// OpenID Connect Core §6.2. The fragment is no hash of the object: that is made
// when the address has been registered.
func signedByReference(r *run) {
	if supported, _ := r.metadata["request_uri_parameter_supported"].(bool); !supported {
		r.Error("request_uri_parameter_supported is not true")
	}
	noneIsNotListed(r)
	uri := r.rp.url("request.jwt") + "#" + random()
	c := r.register(map[string]any{"request_uris": []string{uri}, "request_object_signing_alg": "RS256"})
	request := c.request()
	r.rp.serve("request.jwt", "application/jose", c.sign(c.claims(request)))
	outer := c.outer(request, "request_uri", uri)
	c.visit(c.browser.open(c.endpoint("authorization_endpoint")+"?"+outer.Encode()), request).granted()
	if len(r.rp.received("request.jwt")) == 0 {
		r.Error("the object was not fetched")
	}
}
