package session

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatelodge/gatelodge/provider/secret"
)

const (
	// deviceLifetime is how long a device is known after a person's last
	// sign-in with it.
	deviceLifetime = 180 * 24 * time.Hour
	// peoplePerDevice and maxName, in bytes, bound the cookie.
	peoplePerDevice = 5
	maxName         = 100
)

// Device is a browser in which a person has signed in before. Attempts from it
// are counted apart from those of strangers. The zero Device is an unknown one.
type Device struct {
	ID, UserID string
}

// known is the content of the device cookie.
type known struct {
	ID     string   `json:"id"`
	People []person `json:"people"` // the latest first
}

// person is somebody who signed in with the device.
type person struct {
	UserID     string    `json:"user"`
	Identifier string    `json:"identifier"`
	Name       string    `json:"name,omitempty"`
	At         time.Time `json:"at"`
	// Listed: they are shown to whoever uses the browser.
	Listed bool `json:"listed,omitempty"`
}

// Person is somebody who has signed in with a device.
type Person struct {
	// Identifier is normalised.
	UserID, Identifier, Name string
}

// Device returns what the browser is to the person who signs in with the
// normalised identifier: the person who last did so here, else the latest one.
// Only who finds the user can tell whether it is that one, see
// [github.com/gatelodge/gatelodge/storage.Attempt].
func (c *Cookies) Device(r *http.Request, identifier string) Device {
	k := c.known(r)
	if len(k.People) == 0 {
		return Device{}
	}
	i := slices.IndexFunc(k.People, func(p person) bool { return p.Identifier == identifier })
	return Device{ID: k.ID, UserID: k.People[max(i, 0)].UserID}
}

// RememberDevice makes the browser a known device of the person, who has just signed
// in. People lists them if they want to stay signed in: nobody else wants their name
// left on a device that others may use.
func (c *Cookies) RememberDevice(w http.ResponseWriter, r *http.Request, p Person, listed bool) {
	now := c.Now()
	k := c.known(r)
	if k.ID == "" {
		k.ID = secret.Token("")
	}
	name := strings.ToValidUTF8(p.Name[:min(len(p.Name), maxName)], "")
	k.People = slices.DeleteFunc(k.People, func(known person) bool { return known.UserID == p.UserID })
	k.People = slices.Insert(k.People, 0, person{p.UserID, p.Identifier, name, now.UTC(), listed})
	k.People = k.People[:min(len(k.People), peoplePerDevice)]
	c.remember(w, k)
}

// ForgetDevice makes the browser no device of the user's any more.
func (c *Cookies) ForgetDevice(w http.ResponseWriter, r *http.Request, userID string) {
	k := c.known(r)
	k.People = slices.DeleteFunc(k.People, func(p person) bool { return p.UserID == userID })
	c.remember(w, k)
}

// Knows reports whether the user has signed in with the device.
func (c *Cookies) Knows(r *http.Request, userID string) bool {
	return slices.ContainsFunc(c.known(r).People, func(p person) bool { return p.UserID == userID })
}

// People are those to choose from who have signed in with the device, the latest
// first. They may be signed in or not.
func (c *Cookies) People(r *http.Request) []Person {
	var people []Person
	for _, p := range c.known(r).People {
		if p.Listed {
			people = append(people, Person{p.UserID, p.Identifier, p.Name})
		}
	}
	return people
}

func (c *Cookies) remember(w http.ResponseWriter, k known) {
	if len(k.People) == 0 {
		c.write(w, deviceCookie, "", time.Unix(1, 0))
		return
	}
	plain, err := json.Marshal(k)
	if err != nil {
		panic(err) // strings and times of this century always marshal
	}
	sealed := base64.RawURLEncoding.EncodeToString(c.Key.Seal(plain, []byte(deviceCookie)))
	c.write(w, deviceCookie, sealed, c.Now().Add(deviceLifetime))
}

// known opens the device cookie. One that is missing, altered or sealed under
// another secret makes the browser an unknown device, which is never an error.
// People whose last sign-in is too long ago are left out.
func (c *Cookies) known(r *http.Request) known {
	sealed, err := base64.RawURLEncoding.DecodeString(c.read(r, deviceCookie))
	if err != nil {
		return known{}
	}
	plain, err := c.Key.Open(sealed, []byte(deviceCookie))
	if err != nil {
		return known{}
	}
	var k known
	if err := json.Unmarshal(plain, &k); err != nil {
		return known{}
	}
	oldest := c.Now().Add(-deviceLifetime)
	k.People = slices.DeleteFunc(k.People, func(p person) bool { return p.At.Before(oldest) })
	return k
}
