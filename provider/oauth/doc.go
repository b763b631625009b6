// Package oauth owns the protocol's vocabulary: error codes, algorithms, the
// parameters of requests and responses, and response modes, in the specifications'
// own words.
// It does no work and knows neither storage nor HTTP handlers.
package oauth
