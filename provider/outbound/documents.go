package outbound

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// How long a document is kept: as its server says, within these bounds.
	defaultMaxAge = 5 * time.Minute
	leastMaxAge   = time.Minute
	mostMaxAge    = time.Hour
	// How long a failure is kept: longer with each one after another.
	leastRetry = 10 * time.Second
	mostRetry  = time.Minute
	// refetchGap is the least time between two fetches of one document.
	refetchGap = 10 * time.Second
	// maxStale is how long a document is used while its server is out.
	maxStale = 24 * time.Hour
	// The memory that documents may take.
	maxEntries = 2048
	maxSize    = 32 << 20
)

// Document is what was fetched. It is shared: it must not be changed.
type Document struct {
	Body []byte
	// ContentType is as the server sent it, "" if it did not.
	ContentType string
}

// entry is what is known of an address. Client.mu guards it.
type entry struct {
	known     *Document // the last that was fetched, nil if none
	fetchedAt time.Time
	wantedAt  time.Time // the last time that somebody did
	// The outcome of the last fetch, which is taken until then.
	err     error
	triedAt time.Time
	until   time.Time
	failed  int // fetches one after another
	// flight is closed when the fetch under way ends, nil if there is none.
	flight chan struct{}
}

// Get returns the document at the address, which may have a fragment: from
// memory while it is fresh, and also during an outage of its server, for a day.
// Several that want the same wait for one fetch, which goes on when they do not.
// It fails with ErrRefused, ErrFailed, ErrBusy or ErrClosed, and as the context
// does.
func (c *Client) Get(ctx context.Context, rawURL string) (Document, error) {
	e, err := c.outcome(ctx, rawURL, func(e *entry, now time.Time) bool { return now.Before(e.until) })
	switch {
	case err != nil:
		return Document{}, err
	case e.err == nil, e.known != nil && passes(e.err) && c.now().Before(e.fetchedAt.Add(maxStale)):
		return *e.known, nil
	default:
		return Document{}, e.err
	}
}

// Refetch is [Client.Get] for when the document that Get returned lacks what is
// looked for, such as a key: it fetches the document unless that was done within
// the last ten seconds. It fails if the last fetch did, whatever is known from
// before.
func (c *Client) Refetch(ctx context.Context, rawURL string) (Document, error) {
	e, err := c.outcome(ctx, rawURL, func(e *entry, now time.Time) bool { return now.Before(e.triedAt.Add(refetchGap)) })
	switch {
	case err != nil:
		return Document{}, err
	case e.err != nil:
		return Document{}, e.err
	default:
		return *e.known, nil
	}
}

// passes reports whether the failure is an outage, in which what was known before
// still holds.
func passes(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && !f.lasting || errors.Is(err, ErrBusy)
}

// outcome returns a copy of what is known of the address, after a fetch unless it
// is recent enough.
func (c *Client) outcome(ctx context.Context, rawURL string, recent func(*entry, time.Time) bool) (entry, error) {
	if err := c.policy.checkURL(rawURL); err != nil {
		return entry{}, err
	}
	e, flight, err := c.board(ctx, rawURL, recent)
	if err != nil {
		return entry{}, err
	}
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return entry{}, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return *e, nil
}

// board returns the entry of the address and the fetch to wait for, nil if none.
func (c *Client) board(
	ctx context.Context, rawURL string, recent func(*entry, time.Time) bool,
) (*entry, chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, ErrClosed
	}
	e := c.entries[rawURL]
	if e == nil {
		if len(c.entries) >= maxEntries && !c.evict(nil) {
			return nil, nil, ErrBusy
		}
		e = &entry{}
		c.entries[rawURL] = e
	}
	e.wantedAt = c.now()
	if e.flight == nil && !recent(e, e.wantedAt) {
		e.flight, e.triedAt = make(chan struct{}), e.wantedAt
		// Others can come to wait for it, so that it outlives who began it.
		ctx := context.WithoutCancel(ctx)
		c.running.Go(func() { c.fly(ctx, rawURL, e) })
	}
	return e, e.flight, nil
}

// fly fetches the document.
func (c *Client) fly(ctx context.Context, rawURL string, e *entry) {
	a, err := c.fetch(ctx, rawURL)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	switch e.err = err; {
	case err == nil:
		c.keep(e, &a.document)
		e.fetchedAt, e.until, e.failed = now, now.Add(a.maxAge), 0
	case errors.Is(err, ErrBusy): // nothing was learned of the address
		e.triedAt, e.until = time.Time{}, time.Time{}
		if e.known != nil { // which will do, so that not all who want it wait for a place
			e.until = now.Add(leastRetry)
		}
	default:
		if !passes(err) {
			c.keep(e, nil)
		}
		e.until = now.Add(min(leastRetry<<min(e.failed, 8), mostRetry))
		e.failed++
	}
	close(e.flight)
	e.flight = nil
}

// keep replaces the entry's document and makes room for it.
func (c *Client) keep(e *entry, d *Document) {
	if e.known != nil {
		c.size -= len(e.known.Body)
	}
	if e.known = d; d != nil {
		c.size += len(d.Body)
	}
	for c.size > maxSize && c.evict(e) {
	}
}

// evict forgets of a few entries the one that was wanted least recently, so that
// addresses that are wanted once do not push out those that are in use. It passes
// over the one to spare and those that are being fetched, and reports whether there
// was one.
func (c *Client) evict(spare *entry) bool {
	const few = 16
	oldest, looked := "", 0
	for rawURL, e := range c.entries { // the order is random
		if e == spare || e.flight != nil {
			continue
		}
		if looked == 0 || e.wantedAt.Before(c.entries[oldest].wantedAt) {
			oldest = rawURL
		}
		if looked++; looked == few {
			break
		}
	}
	if looked == 0 {
		return false
	}
	if e := c.entries[oldest]; e.known != nil {
		c.size -= len(e.known.Body)
	}
	delete(c.entries, oldest)
	return true
}

// maxAge returns how long the document may be kept, [RFC 9111 §5.2.2.1].
//
// [RFC 9111 §5.2.2.1]: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1
func maxAge(h http.Header) time.Duration {
	age := defaultMaxAge
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		if name == "no-store" || name == "no-cache" {
			return leastMaxAge
		}
		// Beyond an int32 is beyond the bounds as well.
		if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && name == "max-age" {
			age = time.Duration(seconds) * time.Second
		}
	}
	return min(max(age, leastMaxAge), mostMaxAge)
}
