// Package oauth owns the protocol's vocabulary: error codes, parameters,
// response modes and metadata, in the specifications' own words. It does no
// work and knows neither storage nor HTTP handlers.
package oauth
