// Package client owns what a client may be and ask for: the validation of its
// metadata, its redirect URIs, scopes and audiences; its keys, and the sub by which
// it knows a person; and the directory that answers for clients from memory. It
// does not own how a client proves itself, which is provider/clientauth's.
package client
