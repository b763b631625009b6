package oauth

// SigningAlgorithms are those of signatures that we can make and check,
// [RFC 7518 §3.1] and RFC 8037 §3.1. "none" is not among them: what anybody can
// have made proves nothing. Those of HMAC are not, since of client secrets only
// hashes are kept.
//
// [RFC 7518 §3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
func SigningAlgorithms() []string { return []string{"RS256", "PS256", "ES256", "EdDSA"} }

// KeyManagementAlgorithms are the values of "alg" in what is encrypted to clients
// and by them, [RFC 7518 §4.1]. RSA1_5 is not among them: it cannot be decrypted
// without telling something of the key.
//
// [RFC 7518 §4.1]: https://www.rfc-editor.org/rfc/rfc7518#section-4.1
func KeyManagementAlgorithms() []string {
	return []string{"RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
}

// ContentEncryptionAlgorithms are the values of "enc", [RFC 7518 §5.1].
//
// [RFC 7518 §5.1]: https://www.rfc-editor.org/rfc/rfc7518#section-5.1
func ContentEncryptionAlgorithms() []string {
	return []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"}
}
