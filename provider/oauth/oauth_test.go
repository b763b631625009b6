package oauth_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/provider/oauth"
)

func TestUnknownErrorIsServerErrorAndKeepsItsTextToItself(t *testing.T) {
	t.Parallel()
	cause := errors.New("password of the database")
	e := oauth.AsError(cause)
	if e.Code != oauth.ServerError || strings.Contains(e.Description, "password") {
		t.Errorf("sent: %s, %q", e.Code, e.Description)
	}
	if !errors.Is(e, cause) {
		t.Error("the cause is lost to the log")
	}
}

// A refusal is a value: to give it a cause must not change what others hold.
func TestBecauseCopies(t *testing.T) {
	t.Parallel()
	refusal := oauth.Refuse(oauth.InvalidGrant, "no")
	if got := refusal.Because(errors.New("x")); got == refusal || refusal.Cause != nil {
		t.Error("the refusal was changed")
	}
}

// RFC 6749 §5.2 and RFC 6750 §3.1: the status of each code.
func TestStatusOfCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[oauth.Code]int{
		oauth.InvalidRequest: 400, oauth.InvalidGrant: 400, oauth.InvalidScope: 400, oauth.UnauthorizedClient: 400,
		oauth.UnsupportedGrantType: 400, oauth.InvalidTarget: 400,
		oauth.InvalidClient: 401, oauth.InvalidToken: 401, oauth.InsufficientScope: 403,
		oauth.ServerError: 500, oauth.TemporarilyUnavailable: 503,
	} {
		if got := oauth.Refuse(code, "").Status(); got != want {
			t.Errorf("%s: status %d, want %d", code, got, want)
		}
	}
}

// OAuth 2.0 Multiple Response Type Encoding Practices §2.1 and §5: tokens go into
// the fragment by default, and a mode that the response cannot have is as
// good as none.
func TestModeOfTheResponse(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]oauth.ResponseMode{
		"response_type=code": oauth.Query,
		"response_type=code&response_mode=form_post&redirect_uri=https://a.example": oauth.FormPost,
		"response_type=code&response_mode=form_post&redirect_uri=app.example:/cb":   oauth.Query,
		"response_type=code&response_mode=fragment":                                 oauth.Fragment,
		"response_type=code&response_mode=nonsense":                                 oauth.Query,
		"response_type=id_token":                                                    oauth.Fragment,
		"response_type=code+id_token":                                               oauth.Fragment,
		"response_type=token&response_mode=nonsense":                                oauth.Fragment,
		"": oauth.Query,
	} {
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := oauth.ParseAuthorizationRequest(form).Mode(); got != want {
			t.Errorf("%q: mode %s, want %s", query, got, want)
		}
	}
}
