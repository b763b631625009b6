package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/oauth"
)

// Whatever is sent, a form is either refused as invalid_request or has each
// parameter once, with a value that any database can keep.
func FuzzForm(f *testing.F) {
	const formType = "application/x-www-form-urlencoded"
	for _, seed := range []struct{ contentType, query, body string }{
		{formType, "", "grant_type=client_credentials&scope=a+b&resource=x&resource=y"},
		{formType + "; charset=utf-8", "", "a=&b=%e2%98%83&c"},
		{formType, "a=b", "c=d"},
		{formType, "", "a=1&a=2"},
		{formType, "", "a=%00&b=%ff&c=%zz&d;e"},
		{formType, "", strings.Repeat("a=b&", 20_000)},
		{"multipart/form-data; boundary=x", "", "--x\r\n"},
		{"", "", ""},
		{"a/b; c=\"", "", "&&==&=&"},
	} {
		f.Add(seed.contentType, seed.query, seed.body)
	}
	f.Fuzz(func(t *testing.T, contentType, query, body string) {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		form, err := web.Form(r, "resource")
		if err != nil {
			if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Code != oauth.InvalidRequest {
				t.Errorf("got %v, want invalid_request", err)
			}
			return
		}
		if query != "" || len(body) > web.MaxBody {
			t.Errorf("accepted %d bytes with the query %q", len(body), query)
		}
		for name, values := range form {
			for _, value := range values {
				if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
					t.Errorf("%q is %q", name, value)
				}
			}
			if name != "resource" && (len(values) != 1 || values[0] == "") {
				t.Errorf("%q has the values %q", name, values)
			}
		}
	})
}
