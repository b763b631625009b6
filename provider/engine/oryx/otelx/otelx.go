// Package otelx holds the one tracing helper of ory/x that fosite calls.
package otelx

import (
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// End closes the span and records the error that the caller is about to return.
func End(span trace.Span, err *error) {
	if *err != nil {
		span.SetStatus(codes.Error, (*err).Error())
	}
	span.End()
}
