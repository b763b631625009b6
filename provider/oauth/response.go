package oauth

// TokenResponse is a successful answer of the token endpoint, [RFC 6749 §5.1].
//
// [RFC 6749 §5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}
