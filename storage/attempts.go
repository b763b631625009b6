package storage

import (
	"crypto/sha256"
	"encoding/base64"
)

// UserAccountKey is what [Attempt.AccountKey] puts before the id of a user, for an
// engine that finds the user and counts in one statement.
const UserAccountKey = "account:user:"

// DeviceAccountKey is what it puts before a device and the id of its user.
const DeviceAccountKey = "account:device:"

// AccountKey names the attempt's counter for the account, given the id of the
// user who was found, "" if nobody was. What the visitor typed is hashed: it may be
// a password in the wrong field.
func (a Attempt) AccountKey(userID string) string {
	switch {
	case userID == "":
		return "account:name:" + digest(a.Identifier+a.UserID+string(a.Passkey))
	case a.Device != "" && a.DeviceUser == userID:
		return DeviceAccountKey + digest(a.Device) + ":" + userID
	default:
		return UserAccountKey + userID
	}
}

// NetworkKey names the attempt's counter for the network. It sorts after those for
// accounts, which is the order in which an engine takes their locks.
func (a Attempt) NetworkKey() string { return "network:" + a.Network }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
