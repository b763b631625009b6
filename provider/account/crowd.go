package account

import "sync"

// crowd counts the attempts of each network that are under way.
type crowd struct {
	mu       sync.Mutex
	underWay map[string]int
}

// join reports whether one more attempt from the network may begin, of which it
// may have so many at a time. If so, leave must follow.
func (c *crowd) join(network string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[network] >= most {
		return false
	}
	if c.underWay == nil {
		c.underWay = map[string]int{}
	}
	c.underWay[network]++
	return true
}

func (c *crowd) leave(network string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay[network]--; c.underWay[network] == 0 {
		delete(c.underWay, network)
	}
}
