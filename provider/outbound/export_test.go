package outbound

import "time"

// SetTimeout keeps tests from taking five seconds.
func SetTimeout(c *Client, d time.Duration) { c.timeout = d }

// Check says whether the address may be called as far as one can see.
func (c *Client) Check(rawURL string) error { return c.policy.checkURL(rawURL) }

// Size is what all documents take.
func Size(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 0
	for _, e := range c.entries {
		if e.known != nil {
			size += len(e.known.Body)
		}
	}
	if size != c.size {
		return -1
	}
	return size
}
