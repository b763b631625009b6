package outbound

import (
	"context"
	"sync"
)

const (
	// At most so many calls run at once, in all and to one host, and so many
	// more wait for their turn.
	maxCalls   = 32
	maxPerHost = 4
	maxWaiting = 256
	// maxWaitingPerHost keeps one host from taking all places in the queue.
	maxWaitingPerHost = 64
)

// gate bounds the calls that run at once.
type gate struct {
	all chan struct{}

	mu     sync.Mutex
	inside int // running or waiting
	hosts  map[string]*host
}

// host is one that is called at the moment.
type host struct {
	slots  chan struct{}
	inside int
}

func newGate() *gate {
	return &gate{all: make(chan struct{}, maxCalls), hosts: map[string]*host{}}
}

// enter waits until a call to the host may run. The caller calls leave at its
// end. It fails with ErrBusy.
func (g *gate) enter(ctx context.Context, name string) (leave func(), err error) {
	h := g.queue(name)
	if h == nil {
		return nil, ErrBusy
	}
	// A place among all is taken last, so that who waits for a slow host holds
	// nobody else up.
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		g.dequeue(name)
		return nil, ErrBusy
	}
	select {
	case g.all <- struct{}{}:
	case <-ctx.Done():
		<-h.slots
		g.dequeue(name)
		return nil, ErrBusy
	}
	return func() {
		<-g.all
		<-h.slots
		g.dequeue(name)
	}, nil
}

// queue returns the host, nil if there is no place left.
func (g *gate) queue(name string) *host {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hosts[name]
	if h == nil {
		h = &host{slots: make(chan struct{}, maxPerHost)}
	}
	if g.inside >= maxCalls+maxWaiting || h.inside >= maxPerHost+maxWaitingPerHost {
		return nil
	}
	g.inside++
	h.inside++
	g.hosts[name] = h
	return h
}

func (g *gate) dequeue(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.hosts[name].inside--; g.hosts[name].inside == 0 {
		delete(g.hosts, name)
	}
}
