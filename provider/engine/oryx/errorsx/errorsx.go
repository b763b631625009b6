// Package errorsx holds the few error helpers of ory/x that fosite calls.
package errorsx

import "errors"

// Cause returns the innermost error of the chain.
func Cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// WithStack returns err unchanged: the original captures a stack trace at
// every refusal, which costs more than the refusal and which nothing reads.
func WithStack(err error) error { return err }

// StatusCodeCarrier is an error with an HTTP status code.
type StatusCodeCarrier interface{ StatusCode() int }

// RequestIDCarrier is an error with a request id.
type RequestIDCarrier interface{ RequestID() string }

// ReasonCarrier is an error with a reason.
type ReasonCarrier interface{ Reason() string }

// DebugCarrier is an error with a text for its developer.
type DebugCarrier interface{ Debug() string }

// StatusCarrier is an error with an HTTP status text.
type StatusCarrier interface{ Status() string }

// DetailsCarrier is an error with details.
type DetailsCarrier interface{ Details() map[string]any }
