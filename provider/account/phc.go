package account

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // what others made is verified once, and made anew
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"
)

// What a stored hash may cost. An imported one must not be able to eat the
// memory or stop the others from signing in.
const (
	maxArgon2MemoryKiB  = 128 << 10
	maxArgon2Time       = 16
	maxArgon2Threads    = 16
	maxBcryptCost       = 15
	maxPBKDF2Iterations = 2_000_000
	minSalt, maxSalt    = 4, 64
	minKey, maxKey      = 16, 64
)

// The lengths of what Hash makes, in bytes, RFC 9106 §4.
const argon2Salt, argon2Key = 16, 32

var errHash = errors.New("password hash: not a form that can be verified")

// passwordHash is a parsed stored hash.
type passwordHash interface {
	matches(password string) bool
}

// CheckHash reports whether the stored hash is one that [Hasher.Verify] can verify,
// at a bearable cost:
//
//   - argon2id, argon2i, scrypt or PBKDF2 (with SHA-1, SHA-256 or SHA-512) in PHC form,
//   - bcrypt ($2a$, $2b$, $2y$),
//   - scrypt as Better Auth (salt:key in hexadecimal), as Ory Kratos ($scrypt$ln=N) and
//     as Firebase ($firescrypt$, in Kratos' form) write it,
//   - PBKDF2 as Django writes it (pbkdf2_sha256$),
//   - salted SHA of an LDAP server: {SSHA}, {SSHA256} and {SSHA512}.
//
// Its errors do not repeat the hash.
func CheckHash(stored string) error {
	_, err := parseHash(stored)
	return err
}

func parseHash(stored string) (passwordHash, error) {
	scheme, _, phc := strings.Cut(strings.TrimPrefix(stored, "$"), "$")
	switch {
	case strings.HasPrefix(stored, "{"):
		return parseSSHA(stored)
	case !phc:
		return parseBetterAuth(stored)
	case strings.HasPrefix(stored, "pbkdf2_"):
		return parseDjango(stored)
	case scheme == "scrypt":
		return parseScrypt(stored)
	case scheme == "firescrypt":
		return parseFirebase(stored)
	case scheme == "argon2id" || scheme == "argon2i":
		return parseArgon2(stored)
	case strings.HasPrefix(scheme, "pbkdf2-"):
		return parsePBKDF2(stored)
	case scheme == "2a" || scheme == "2b" || scheme == "2y":
		return parseBcrypt(stored)
	}
	return nil, errHash
}

type argon2Params struct {
	variant      string
	memory, time uint32 // KiB, passes
	threads      uint8
}

func (p argon2Params) check() error {
	switch {
	case p.memory < 8*uint32(p.threads) || p.memory > maxArgon2MemoryKiB:
		return fmt.Errorf("argon2: memory must be 8 KiB a thread to %d KiB", maxArgon2MemoryKiB)
	case p.time < 1 || p.time > maxArgon2Time:
		return fmt.Errorf("argon2: time must be 1 to %d", maxArgon2Time)
	case p.threads < 1 || p.threads > maxArgon2Threads:
		return fmt.Errorf("argon2: threads must be 1 to %d", maxArgon2Threads)
	}
	return nil
}

func (p argon2Params) derive(password string, salt []byte, length uint32) []byte {
	if p.variant == "argon2i" {
		return argon2.Key([]byte(password), salt, p.time, p.memory, p.threads, length)
	}
	return argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, length)
}

// prefix is the PHC form up to the salt.
func (p argon2Params) prefix() string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$", p.variant, argon2.Version, p.memory, p.time, p.threads)
}

func (p argon2Params) encode(salt, key []byte) string {
	return p.prefix() + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key)
}

// argon2Hash is $argon2id$v=19$m=19456,t=2,p=1$salt$key, or argon2i.
type argon2Hash struct {
	argon2Params
	salt, key []byte
}

func parseArgon2(stored string) (passwordHash, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 6 {
		return nil, errHash
	}
	h := argon2Hash{argon2Params: argon2Params{variant: fields[1]}}
	// That Sscanf is lenient does not matter: what it reads is compared with
	// the form that it must have had.
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return nil, errHash
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("password hash: %w", err)
	}
	if strings.Join(fields[:4], "$")+"$" != h.prefix() {
		return nil, errHash
	}
	var err error
	h.salt, h.key, err = decodeSaltAndKey(fields[4], fields[5])
	return h, err
}

func (h argon2Hash) matches(password string) bool {
	length := uint32(len(h.key)) //nolint:gosec // at most maxKey
	key := h.derive(norm.NFC.String(password), h.salt, length)
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

func (h argon2Hash) madeWith(p argon2Params) bool {
	return h.argon2Params == p && len(h.salt) >= argon2Salt && len(h.key) >= argon2Key
}

// pbkdf2Hash is $pbkdf2-sha256$i=600000$salt$key, with or without the length of
// the key as l=32, and the same with sha1 and sha512.
type pbkdf2Hash struct {
	digest     func() hash.Hash
	iterations int
	salt, key  []byte
}

func parsePBKDF2(stored string) (passwordHash, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 5 {
		return nil, errHash
	}
	h := pbkdf2Hash{digest: digestOf(strings.TrimPrefix(fields[1], "pbkdf2-"))}
	if h.digest == nil {
		return nil, errHash
	}
	var err error
	if h.salt, h.key, err = decodeSaltAndKey(fields[3], fields[4]); err != nil {
		return nil, err
	}
	iterations, length, hasLength := strings.Cut(fields[2], ",")
	if hasLength && length != fmt.Sprintf("l=%d", len(h.key)) {
		return nil, errHash
	}
	if _, err := fmt.Sscanf(iterations, "i=%d", &h.iterations); err != nil {
		return nil, errHash
	}
	if iterations != fmt.Sprintf("i=%d", h.iterations) {
		return nil, errHash
	}
	return h, h.check()
}

func (h pbkdf2Hash) check() error {
	if h.iterations < 1 || h.iterations > maxPBKDF2Iterations {
		return fmt.Errorf("password hash: pbkdf2 must have 1 to %d iterations", maxPBKDF2Iterations)
	}
	return nil
}

// digestOf returns the hash function with the name, nil if there is none.
func digestOf(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return nil
}

func (h pbkdf2Hash) matches(password string) bool {
	key, err := pbkdf2.Key(h.digest, norm.NFC.String(password), h.salt, h.iterations, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

// bcryptHash is $2b$12$ with 22 characters of salt and 31 of key.
type bcryptHash []byte

func parseBcrypt(stored string) (passwordHash, error) {
	cost, err := bcrypt.Cost([]byte(stored))
	if err != nil || len(stored) != 60 {
		return nil, errHash
	}
	if cost > maxBcryptCost {
		return nil, fmt.Errorf("password hash: bcrypt's cost must be at most %d", maxBcryptCost)
	}
	return bcryptHash(stored), nil
}

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword(h, []byte(norm.NFC.String(password))) == nil
}

// b64 is the PHC string format's encoding.
var b64 = base64.RawStdEncoding.Strict() //nolint:gochecknoglobals // a constant in all but name

func decodeSaltAndKey(salt, key string) (saltBytes, keyBytes []byte, err error) {
	saltBytes, saltErr := b64.DecodeString(salt)
	keyBytes, keyErr := b64.DecodeString(key)
	if saltErr != nil || keyErr != nil || len(saltBytes) < minSalt || len(saltBytes) > maxSalt ||
		len(keyBytes) < minKey || len(keyBytes) > maxKey {
		return nil, nil, errHash
	}
	return saltBytes, keyBytes, nil
}
