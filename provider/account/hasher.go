package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxOther is how much may be alive, beside the hashes in progress, for
// [Hasher.collect] to be worth its while, in bytes.
const maxOther = 16 << 20

// maxPassword is the longest password, in characters.
const maxPassword = 1000

// ErrBusy reports that too many passwords are waiting to be hashed: try again
// shortly. It says nothing of the password.
var ErrBusy = errors.New("too many passwords are being checked")

// The parameters unless set, OWASP's first recommendation.
const defaultMemoryKiB, defaultTime, defaultThreads = 19456, 2, 1

// Argon2 is how passwords are hashed. Zero fields mean the defaults.
type Argon2 struct {
	// MemoryKiB, Time (passes) and Threads are the parameters of argon2id:
	// 19456, 2 and 1 unless set, OWASP's first recommendation.
	MemoryKiB, Time uint32
	Threads         uint8
	// Concurrency is how many passwords are hashed at once, GOMAXPROCS unless
	// set. Each takes MemoryKiB.
	Concurrency int
	// QueueLimit is how many more may wait, 32 times Concurrency unless set:
	// about a second's worth. Beyond it there is ErrBusy.
	QueueLimit int
}

// Hasher hashes and verifies passwords, a few at a time. Passwords are taken in
// NFC, as [RFC 8265 §4.2] prepares them, since keyboards differ in how they
// compose a letter.
//
// [RFC 8265 §4.2]: https://www.rfc-editor.org/rfc/rfc8265#section-4.2
type Hasher struct {
	params argon2Params
	// decoy is no password's hash, and takes as long to verify as one.
	decoy string
	// slots holds a token for each hash in progress, queue for each of these
	// and each that waits for it.
	slots, queue chan struct{}
}

// NewHasher returns a hasher. It fails when the parameters exceed what the
// hasher itself would verify.
func NewHasher(cfg Argon2) (*Hasher, error) {
	p := argon2Params{variant: "argon2id", memory: cfg.MemoryKiB, time: cfg.Time, threads: cfg.Threads}
	p.memory = cmp.Or(p.memory, defaultMemoryKiB)
	p.time = cmp.Or(p.time, defaultTime)
	p.threads = cmp.Or(p.threads, defaultThreads)
	if err := p.check(); err != nil {
		return nil, err
	}
	concurrency := cmp.Or(cfg.Concurrency, runtime.GOMAXPROCS(0))
	waiting := cmp.Or(cfg.QueueLimit, 32*concurrency)
	random := make([]byte, argon2Salt+argon2Key)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return &Hasher{
		params: p,
		decoy:  p.encode(random[:argon2Salt], random[argon2Salt:]),
		slots:  make(chan struct{}, concurrency),
		queue:  make(chan struct{}, concurrency+waiting),
	}, nil
}

// CheckPassword reports what keeps a string from being anybody's password. It
// is no judgement of its strength.
func CheckPassword(password string) error {
	switch {
	case password == "":
		return errors.New("password: is empty")
	case !utf8.ValidString(password):
		return errors.New("password: is not valid UTF-8")
	case utf8.RuneCountInString(password) > maxPassword:
		return errors.New("password: is longer than 1000 characters")
	}
	for _, r := range password {
		// bcrypt ends a password at NUL, and no form field sends controls.
		if r < ' ' || r == '\x7f' {
			return errors.New("password: contains a control character")
		}
	}
	return nil
}

// Hash returns the password's argon2id hash in PHC form. It fails as
// [CheckPassword] does, with ErrBusy, or as ctx does while it waits.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	if err := h.enter(); err != nil {
		return "", err
	}
	defer h.leave()
	return h.hash(ctx, password)
}

func (h *Hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.begin(ctx); err != nil {
		return "", err
	}
	defer h.end()
	salt := make([]byte, argon2Salt)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	return h.params.encode(salt, h.params.derive(norm.NFC.String(password), salt, argon2Key)), nil
}

// Verify reports whether the password belongs to the stored hash, and whether
// that hash is outdated: not what Hash would make today. It fails with ErrBusy,
// as ctx does while it waits, or when the hash is not one of those that
// [CheckHash] allows.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	if err := h.enter(); err != nil {
		return false, false, err
	}
	defer h.leave()
	return h.verify(ctx, stored, password)
}

func (h *Hasher) verify(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	hash, err := parseHash(stored)
	if err != nil {
		return false, false, err
	}
	if err := h.begin(ctx); err != nil {
		return false, false, err
	}
	defer h.end()
	current, isArgon2 := hash.(argon2Hash)
	ok = hash.matches(password)
	if !ok && quick(hash) {
		// Or the time would tell that somebody is there whose hash is foreign.
		h.params.derive(password, make([]byte, argon2Salt), argon2Key)
	}
	return ok, !isArgon2 || !current.madeWith(h.params), nil
}

// enter takes a place in the queue, if there is one. Only who has a place may
// hash or verify.
func (h *Hasher) enter() error {
	select {
	case h.queue <- struct{}{}:
		return nil
	default:
		return ErrBusy
	}
}

func (h *Hasher) leave() { <-h.queue }

// begin waits for a slot.
func (h *Hasher) begin(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", context.Cause(ctx))
	}
}

func (h *Hasher) end() {
	h.collect()
	<-h.slots
}

// collect has the memory of the hash that was just computed used for the next one.
// Left to itself the garbage collector lets such memory pile up to several times
// what is in use, and the system is asked for new pages all the while, which costs
// more than to collect. That holds as long as little else is alive to be looked at.
func (h *Hasher) collect() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	inUse := uint64(cap(h.slots)) * uint64(h.params.memory) << 10
	if live[0].Value.Uint64() < inUse+maxOther {
		runtime.GC()
	}
}
