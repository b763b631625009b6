package oauth

import (
	"errors"
	"net/http"
)

// Code is a registered value of the parameter "error".
type Code string

// Codes of RFC 6749 §5.2 and §4.1.2.1.
const (
	InvalidRequest          Code = "invalid_request"
	InvalidClient           Code = "invalid_client"
	InvalidGrant            Code = "invalid_grant"
	UnauthorizedClient      Code = "unauthorized_client"
	UnsupportedGrantType    Code = "unsupported_grant_type"
	UnsupportedResponseType Code = "unsupported_response_type"
	InvalidScope            Code = "invalid_scope"
	AccessDenied            Code = "access_denied"
	ServerError             Code = "server_error"
	TemporarilyUnavailable  Code = "temporarily_unavailable"
)

// Codes of RFC 6750 §3.1.
const (
	InvalidToken      Code = "invalid_token"
	InsufficientScope Code = "insufficient_scope"
)

// InvalidTarget is the code of RFC 8707 §2.
const InvalidTarget Code = "invalid_target"

// Codes of OpenID Connect Core §3.1.2.6.
const (
	LoginRequired            Code = "login_required"
	ConsentRequired          Code = "consent_required"
	InteractionRequired      Code = "interaction_required"
	InvalidRequestObject     Code = "invalid_request_object"
	InvalidRequestURI        Code = "invalid_request_uri"
	RegistrationNotSupported Code = "registration_not_supported"
)

// UnmetAuthenticationRequirements is the code of OpenID Connect Core Error Code
// unmet_authentication_requirements 1.0 §2.
const UnmetAuthenticationRequirements Code = "unmet_authentication_requirements"

// Codes of RFC 7591 §3.2.2.
const (
	InvalidRedirectURI          Code = "invalid_redirect_uri"
	InvalidClientMetadata       Code = "invalid_client_metadata"
	UnapprovedSoftwareStatement Code = "unapproved_software_statement"
)

// Error is a refusal in the protocol's words. Errors of any other type are
// answered as server_error with a fixed text, so that nothing leaks by
// forgetting.
type Error struct {
	Code Code
	// Description is sent: a constant text, never input or internals.
	Description string
	// Cause is logged and never sent.
	Cause error
}

// Refuse returns an error with a registered code and a constant description.
func Refuse(code Code, description string) *Error {
	return &Error{Code: code, Description: description}
}

// Because returns a copy of the error with the cause, which is only logged.
func (e *Error) Because(cause error) *Error {
	return &Error{Code: e.Code, Description: e.Description, Cause: cause}
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Description
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// Status is the HTTP status that the code is answered with outside of a
// redirect.
func (e *Error) Status() int {
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case InsufficientScope, AccessDenied:
		return http.StatusForbidden
	case ServerError:
		return http.StatusInternalServerError
	case TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// AsError returns err as an *Error: itself, or server_error with err as cause.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Refuse(ServerError, "something went wrong on our side").Because(err)
}

// Unavailable reports that the database did not answer, or that there is too
// much to do. An outage is never a refusal.
func Unavailable(cause error) *Error {
	return Refuse(TemporarilyUnavailable, "the service cannot answer at the moment, try again shortly").Because(cause)
}
