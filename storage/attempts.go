package storage

import (
	"crypto/sha256"
	"encoding/base64"
)

// The names of the counters of sign-in attempts begin so that they sort in the
// order in which an engine must take their locks: the account before the network.
const (
	accountOfDevice  = "account:device:"
	accountOfName    = "account:name:"
	accountOfUser    = "account:user:"
	networkOfAttempt = "network:"
)

// AccountKey names the attempt's counter for the account, given the id of the
// user who has the identifier, "" if nobody has it. What the visitor typed is
// hashed: it may be a password in the wrong field.
func (a Attempt) AccountKey(userID string) string {
	switch {
	case userID == "":
		return accountOfName + digest(a.Identifier)
	case a.Device != "" && a.DeviceUser == userID:
		return accountOfDevice + digest(a.Device) + ":" + userID
	default:
		return accountOfUser + userID
	}
}

// NetworkKey names the attempt's counter for the network.
func (a Attempt) NetworkKey() string { return networkOfAttempt + a.Network }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
