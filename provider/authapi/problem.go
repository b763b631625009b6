package authapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatelodge/gatelodge/internal/web"
	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// What the API itself refuses.
var (
	errClient   = errors.New("not an application of the operator's own")
	errOrigin   = errors.New("not an origin of the application's")
	errNotThere = errors.New("not offered")
	errNobody   = errors.New("nobody is signed in")
	errPage     = errors.New("a page of the provider is needed")
	errStale    = errors.New("the continuation is not good any more")
)

// fault is an answer that says no.
type fault struct {
	reason error
	status int
	// code names it, in the type of the answer; title says it to a developer.
	code, title string
}

// faults are those that are not of the protocol, the more particular first. That of
// who may not sign in is one, whatever the reason.
var faults = []fault{ //nolint:gochecknoglobals // a constant in all but name
	{errClient, http.StatusForbidden, "unknown_client", "client_id names no application of the operator's own"},
	{errOrigin, http.StatusForbidden, "wrong_origin", "The Origin is that of none of the application's redirect URIs"},
	{errNotThere, http.StatusForbidden, "not_offered", "This is switched off"},
	{errNobody, http.StatusForbidden, "not_signed_in", "Nobody is signed in in this browser"},
	{errPage, http.StatusForbidden, "page_needed", "Send the person through the authorization endpoint: this needs a page"},
	{errStale, http.StatusUnprocessableEntity, "expired", "It was proved too long ago: begin with the password again"},
	{account.ErrDenied, http.StatusUnprocessableEntity, "denied", "The identifier and password, or the code, do not match"},
	{factor.ErrWrong, http.StatusUnprocessableEntity, "denied", "The identifier and password, or the code, do not match"},
	{account.ErrName, http.StatusUnprocessableEntity, "bad_name", "The name is missing, too long or not a text"},
	{account.ErrEmail, http.StatusUnprocessableEntity, "bad_email", "That is no e-mail address"},
	{account.ErrPasswordShort, http.StatusUnprocessableEntity, "password_short", "The password is too short"},
	{account.ErrPasswordCommon, http.StatusUnprocessableEntity, "password_common", "Many people use that password"},
	{account.ErrPasswordPersonal, http.StatusUnprocessableEntity, "password_personal", "The password is hardly more than a name"},
	{account.ErrPasswordSimple, http.StatusUnprocessableEntity, "password_simple", "The password is a sequence or a repetition"},
	{account.ErrPassword, http.StatusUnprocessableEntity, "password_unusable", "The password is empty, too long or not a text"},
	{account.ErrCode, http.StatusUnprocessableEntity, "wrong_code", "The code is wrong"},
	{account.ErrLink, http.StatusUnprocessableEntity, "expired", "It was used already, or is too old"},
	{account.ErrTaken, http.StatusUnprocessableEntity, "taken", "Somebody has an account with that e-mail address"},
	{account.ErrTooMany, http.StatusTooManyRequests, "too_many", "Too many mails were asked for: wait an hour"},
	{storage.ErrNotFound, http.StatusUnprocessableEntity, "expired", "It was used already, or is too old"},
	{storage.ErrSpent, http.StatusUnprocessableEntity, "expired", "It was used already, or is too old"},
}

// problem is the error as the log has it: a refusal, or an outage, which is never one.
func problem(err error) error {
	if protocol, ok := errors.AsType[*oauth.Error](err); ok {
		return protocol
	}
	if f := faultOf(err); f != nil {
		return oauth.Refuse(oauth.AccessDenied, f.title).Because(err)
	}
	return oauth.Unavailable(err)
}

func faultOf(err error) *fault {
	for i := range faults {
		if errors.Is(err, faults[i].reason) {
			return &faults[i]
		}
	}
	return nil
}

// present renders an error as [RFC 9457] has it. The instance is the id that is in the
// log.
//
// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
func present(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	f := fault{status: e.Status(), code: string(e.Code), title: e.Description}
	if known := faultOf(e); known != nil {
		f = *known
	}
	web.Outage(w, e)
	if f.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "3600")
	}
	_ = web.JSONStatus(problemWriter{w}, f.status, map[string]any{
		"type": "urn:gatelodge:problem:" + strings.ReplaceAll(f.code, "_", "-"), "code": f.code,
		"title": f.title, "status": f.status, "instance": "urn:gatelodge:request:" + web.EventOf(r.Context()).ID,
	})
}

// problemWriter gives JSON the media type of RFC 9457 §3.
type problemWriter struct{ http.ResponseWriter }

func (w problemWriter) WriteHeader(status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.ResponseWriter.WriteHeader(status)
}
