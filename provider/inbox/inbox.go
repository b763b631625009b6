// Package inbox owns where mails land when nobody is to get them: in memory, under
// `gatelodge dev` and in tests, and the pages under /dev/mail that show them. It does
// not own what they say: provider/mail does.
package inbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatelodge/gatelodge/provider/mail"
)

// size is how many messages are kept.
const size = 200

// Message is a mail that has landed.
type Message struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	// Links are the addresses that it is meant to lead to.
	Links []string `json:"links"`
	Code  string   `json:"code,omitempty"`
}

// Inbox keeps the latest messages. It is safe for concurrent use.
type Inbox struct {
	// From is whom the messages say that they are from.
	From string

	mu       sync.Mutex
	messages []Message // the oldest first
}

// Send implements [mail.Sender].
func (i *Inbox) Send(_ context.Context, e mail.Envelope) error {
	m := Message{
		ID: e.ID, From: i.From, To: e.To, At: e.At, Subject: e.Subject, Text: e.Text, HTML: e.HTML,
		Links: []string{}, Code: e.Code,
	}
	if e.Link != "" {
		m.Links = append(m.Links, e.Link)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = append(i.messages, m)
	if over := len(i.messages) - size; over > 0 {
		i.messages = slices.Delete(i.messages, 0, over)
	}
	return nil
}

// Messages returns those to the address, or all if it is "", the latest first.
func (i *Inbox) Messages(to string) []Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	some := []Message{}
	for _, m := range slices.Backward(i.messages) {
		if to == "" || m.To == to {
			some = append(some, m)
		}
	}
	return some
}

// Message returns the one with the id.
func (i *Inbox) Message(id string) (Message, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := slices.IndexFunc(i.messages, func(m Message) bool { return m.ID == id })
	if n < 0 {
		return Message{}, false
	}
	return i.messages[n], true
}
