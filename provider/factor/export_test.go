package factor

import "time"

// Code is what an authenticator app with the secret shows at the time.
func Code(secret []byte, at time.Time) string { return totp(secret, at.Unix()/30) }
