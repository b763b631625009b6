package conformance

import "net/http"

func thirdPartyModules() []module {
	return []module{
		{"oidcc-3rd_party-init-login", "3P", initiateLogin},
		{"oidcc-3rd_party-init-login-nohttps", "3P", initiateLoginWithoutTLS},
	}
}

// OpenID Connect Core §4, Dynamic Client Registration §4.2.
func initiateLogin(r *run) {
	uri := r.rp.url("initiate_login")
	c := r.register(map[string]any{"initiate_login_uri": uri})
	address, _ := c.registered["registration_client_uri"].(string)
	token, _ := c.registered["registration_access_token"].(string)
	res := r.get(address, token)
	if res.StatusCode != http.StatusOK || !isJSON(res) {
		r.Fatalf("registration_client_uri answers %d, %s", res.StatusCode, res.Body)
	}
	if read := res.JSON(r); read["initiate_login_uri"] != uri || read["client_id"] != c.id {
		r.Errorf("what is read is %v", read)
	}
}

func initiateLoginWithoutTLS(r *run) {
	code := r.refusedRegistration(map[string]any{"initiate_login_uri": "http://app.example/initiate_login"})
	if code != "invalid_client_metadata" {
		r.Errorf("the error is %s", code)
	}
}
