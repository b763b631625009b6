package e2e

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between the provider and Postgres, and can interrupt any of the
// round trips that go by.
type proxy struct {
	listener net.Listener
	server   string // host:port

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
	fault  *fault // the one that is armed, nil if none
}

// fault interrupts the trip that it counts down to: holds what was to be
// forwarded, and then cuts the connection.
type fault struct {
	ctx     context.Context //nolint:containedctx // as long as it is armed, and holds
	trips   int             // how many more to let through, this one included
	answer  bool            // interrupt the server's answer, not the request
	reached chan struct{}
}

// newProxy starts a proxy that ends with the test, and returns the database's
// URL through it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: u.Host, conns: map[net.Conn]bool{}}
	var accepting sync.WaitGroup
	accepting.Go(p.accept)
	t.Cleanup(func() {
		p.close()
		accepting.Wait()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

// interrupt arms a fault for the trip'th round trip from now on: when its
// request or its answer has arrived at the proxy, the returned channel is
// closed. It gets no further; its connection is cut when the context ends, which
// also disarms the fault.
func (p *proxy) interrupt(ctx context.Context, trip int, answer bool) <-chan struct{} {
	f := &fault{ctx: ctx, trips: trip, answer: answer, reached: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	return f.reached
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
}

// keep has the connection closed with the proxy.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *proxy) accept() {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { p.serve(client) })
	}
}

// serve forwards between a client and the server until either is gone.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(client) || !p.keep(server) {
		return
	}
	t := &trip{proxy: p}
	var both sync.WaitGroup
	both.Go(func() { t.forward(client, server, false) })
	both.Go(func() { t.forward(server, client, true) })
	both.Wait()
}

// trip is the round trip that a connection is on.
type trip struct {
	*proxy
	asking bool // the client has spoken last
	mine   *fault
}

func (t *trip) forward(from, to net.Conn, answer bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if f := t.interrupted(answer); f != nil {
			close(f.reached)
			<-f.ctx.Done()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// interrupted returns the fault if it is for what has just arrived.
func (t *trip) interrupted(answer bool) *fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	begins := !answer && !t.asking
	t.asking = !answer
	f := t.fault
	if f == nil || f.ctx.Err() != nil {
		return nil
	}
	if begins {
		if f.trips--; f.trips == 0 {
			t.mine = f
		}
	}
	if t.mine != f || f.answer != answer {
		return nil
	}
	t.fault = nil
	return f
}
