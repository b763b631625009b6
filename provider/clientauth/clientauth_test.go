package clientauth_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
	"github.com/gatelodge/gatelodge/internal/providertest"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	id     = providertest.MachineID
	secret = providertest.ClientSecret
)

func clientCredentials(changes ...string) url.Values {
	return providertest.With(url.Values{"grant_type": {"client_credentials"}}, changes...)
}

// post sends a token request with an Authorization header as it is.
func post(t *testing.T, p *providertest.Provider, form url.Values, authorization ...string) providertest.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(authorization) > 0 {
		r.Header["Authorization"] = authorization
	}
	return providertest.Do(t, p.Client(), r)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// RFC 6749 §2.3: a client authenticates in one way, as itself.
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	const otherID = providertest.APIClientID
	tests := map[string]struct {
		form          []string
		authorization string
		want          string // "" for success
	}{
		"client_secret_basic":                     {authorization: basic(id, secret)},
		"client_secret_basic, scheme in capitals": {authorization: strings.Replace(basic(id, secret), "Basic", "BASIC", 1)},
		"client_secret_basic with client_id":      {form: []string{"client_id", id}, authorization: basic(id, secret)},
		"client_secret_post":                      {form: []string{"client_id", id, "client_secret", secret}},

		"nothing":                         {want: "invalid_client"},
		"no secret":                       {form: []string{"client_id", id}, want: "invalid_client"},
		"an empty secret":                 {authorization: basic(id, ""), want: "invalid_client"},
		"a wrong secret":                  {authorization: basic(id, secret+"x"), want: "invalid_client"},
		"a cut secret":                    {authorization: basic(id, secret[1:]), want: "invalid_client"},
		"a wrong secret in the body":      {form: []string{"client_id", id, "client_secret", "x"}, want: "invalid_client"},
		"no client_id":                    {form: []string{"client_secret", secret}, want: "invalid_client"},
		"no user":                         {authorization: basic("", secret), want: "invalid_client"},
		"an unknown client":               {authorization: basic("nobody", secret), want: "invalid_client"},
		"another client's secret":         {authorization: basic(providertest.PublicID, secret), want: "invalid_client"},
		"a client_id that is no text":     {authorization: basic("\x00\xff", secret), want: "invalid_client"},
		"not base64":                      {authorization: "Basic %%%", want: "invalid_client"},
		"no colon":                        {authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("x")), want: "invalid_client"},
		"another scheme":                  {authorization: "Bearer x", want: "invalid_client"},
		"both, the same":                  {form: []string{"client_id", id, "client_secret", secret}, authorization: basic(id, secret), want: "invalid_request"},
		"both, one wrong":                 {form: []string{"client_id", id, "client_secret", "x"}, authorization: basic(id, secret), want: "invalid_request"},
		"secret and assertion":            {form: []string{"client_secret", secret, "client_assertion", anyJWT(t), "client_assertion_type", jwtBearer}, want: "invalid_request"},
		"another client_id":               {form: []string{"client_id", otherID}, authorization: basic(id, secret), want: "invalid_request"},
		"another, without a secret there": {form: []string{"client_id", otherID, "client_secret", secret}, authorization: basic(id, ""), want: "invalid_request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var authorization []string
			if test.authorization != "" {
				authorization = []string{test.authorization}
			}
			res := post(t, p, clientCredentials(test.form...), authorization...)
			switch test.want {
			case "":
				if res.StatusCode != http.StatusOK {
					t.Errorf("status %d: %s", res.StatusCode, res.Body)
				}
			case "invalid_client":
				providertest.Refused(t, res, http.StatusUnauthorized, test.want)
				if !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic ") {
					t.Errorf("WWW-Authenticate is %q", res.Header.Get("WWW-Authenticate"))
				}
			default:
				providertest.Refused(t, res, http.StatusBadRequest, test.want)
			}
		})
	}
}

// RFC 6749 §2.3.1: user and password of Basic are form-encoded. Many clients send
// them as they are; both are understood. Secrets of ours look the same either way.
func TestBasicIsDecodedBothWays(t *testing.T) {
	t.Parallel()
	const odd = "p%20+ss:wörd%/="
	p := providertest.New(t, providertest.Options{})
	c, err := p.Store.FindClient(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.SecretHash = client.HashSecret(p.Secrets, id, odd)
	if err := p.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{
		"as it is": odd, "form-encoded": url.QueryEscape(odd), "with %20": strings.ReplaceAll(url.QueryEscape(odd), "+", "%20"),
	} {
		if res := post(t, p, clientCredentials(), basic(id, password)); res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, res.Body)
		}
	}
	res := post(t, p, clientCredentials(), basic(id, url.QueryEscape(url.QueryEscape(odd))))
	providertest.Refused(t, res, http.StatusUnauthorized, "invalid_client")
}

// A public client proves nothing, and may name itself in either place. Whoever
// sends a secret for it is mistaken about something.
func TestPublicClientHasNoCredentials(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"glr_x"}}
	providertest.InvalidGrant(t, post(t, p, providertest.With(form, "client_id", providertest.PublicID)))
	providertest.InvalidGrant(t, post(t, p, form, basic(providertest.PublicID, "")))
	providertest.Refused(t, post(t, p, form, basic(providertest.PublicID, "x")), http.StatusUnauthorized, "invalid_client")
	post := post(t, p, providertest.With(form, "client_id", providertest.PublicID, "client_secret", "x"))
	providertest.Refused(t, post, http.StatusUnauthorized, "invalid_client")
}

// A client that registered keys cannot be had with a secret, nor without one.
func TestPrivateKeyJWTClientNeedsAnAssertion(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.SaveClient(t.Context(), t, "signer", storage.ClientMetadata{
		GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: "private_key_jwt",
	})
	for _, form := range []url.Values{
		clientCredentials("client_id", "signer"),
		clientCredentials("client_id", "signer", "client_secret", secret),
	} {
		providertest.Refused(t, post(t, p, form), http.StatusUnauthorized, "invalid_client")
	}
	providertest.Refused(t, post(t, p, clientCredentials(), basic("signer", secret)), http.StatusUnauthorized, "invalid_client")
}

// A secret that the operator replaced is wrong once the old client is forgotten.
func TestReplacedSecretIsWrong(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{})
	p.Granted(t, clientCredentials(), id, secret)
	c, err := p.Store.FindClient(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.SecretHash = client.HashSecret(p.Secrets, id, "another")
	if err := p.Store.SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(client.Freshness)
	providertest.Refused(t, post(t, p, clientCredentials(), basic(id, secret)), http.StatusUnauthorized, "invalid_client")
	p.Granted(t, clientCredentials(), id, "another")
}
