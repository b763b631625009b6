package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
	"golang.org/x/text/unicode/norm"
)

// What scrypt may cost: as much memory as argon2, and passes over it.
const (
	maxScryptMemory   = maxArgon2MemoryKiB << 10
	maxScryptParallel = 16
	maxScryptWork     = 1 << 21 // of N × r × p, about two seconds
)

// scryptParams are those of [RFC 7914 §2].
//
// [RFC 7914 §2]: https://www.rfc-editor.org/rfc/rfc7914#section-2
type scryptParams struct{ n, r, p int }

// parseScryptParams parses ln=14,r=8,p=1. The ln of the PHC form is the logarithm of
// N; Kratos writes N itself.
func parseScryptParams(text string) (scryptParams, error) {
	var cost int
	var p scryptParams
	if _, err := fmt.Sscanf(text, "ln=%d,r=%d,p=%d", &cost, &p.r, &p.p); err != nil ||
		text != fmt.Sprintf("ln=%d,r=%d,p=%d", cost, p.r, p.p) {
		return p, errHash
	}
	if p.n = cost; cost > 0 && cost < 32 {
		p.n = 1 << cost
	}
	return p, p.check()
}

func (p scryptParams) check() error {
	bearable := p.n > 1 && p.r > 0 && p.p > 0 && p.p <= maxScryptParallel && p.r <= 64 && p.n <= maxScryptWork &&
		128*p.n*p.r <= maxScryptMemory && p.n*p.r*p.p <= maxScryptWork
	if !bearable || bits.OnesCount(uint(p.n)) != 1 {
		return fmt.Errorf("password hash: scrypt must have an N that is a power of two, and take at most %d MiB",
			maxScryptMemory>>20)
	}
	return nil
}

func (p scryptParams) derive(password string, salt []byte, length int) []byte {
	key, err := scrypt.Key([]byte(password), salt, p.n, p.r, p.p, length)
	if err != nil {
		return nil // not after check
	}
	return key
}

// scryptHash is $scrypt$ln=14,r=8,p=1$salt$key.
type scryptHash struct {
	scryptParams
	salt, key []byte
	form      norm.Form
}

func parseScrypt(stored string) (passwordHash, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 5 {
		return nil, errHash
	}
	params, err := parseScryptParams(fields[2])
	if err != nil {
		return nil, err
	}
	h := scryptHash{scryptParams: params, form: norm.NFC}
	h.salt, h.key, err = decodeSaltAndKey(strings.TrimRight(fields[3], "="), strings.TrimRight(fields[4], "="))
	return h, err
}

// parseBetterAuth parses Better Auth's form: the salt, of which the hexadecimal text
// itself goes into the hash, a colon, and the key. It takes passwords in NFKC.
func parseBetterAuth(stored string) (passwordHash, error) {
	salt, hexKey, _ := strings.Cut(stored, ":")
	key, err := hex.DecodeString(hexKey)
	if err != nil || len(key) != 64 || len(salt) != 32 {
		return nil, errHash
	}
	if _, err := hex.DecodeString(salt); err != nil {
		return nil, errHash
	}
	return scryptHash{scryptParams: scryptParams{n: 16384, r: 16, p: 1}, salt: []byte(salt), key: key, form: norm.NFKC}, nil
}

func (h scryptHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.derive(h.form.String(password), h.salt, len(h.key)), h.key) == 1
}

// firebaseHash is $firescrypt$ln=14,r=8,p=1$salt$key$separator$signer: the signer key
// of the Firebase project, encrypted with what scrypt makes of the password.
type firebaseHash struct {
	scryptParams
	salt, key, signer []byte
}

func parseFirebase(stored string) (passwordHash, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 7 {
		return nil, errHash
	}
	params, err := parseScryptParams(fields[2])
	if err != nil {
		return nil, err
	}
	h := firebaseHash{scryptParams: params}
	var separator []byte
	for i, into := range []*[]byte{&h.salt, &h.key, &separator, &h.signer} {
		if *into, err = base64.StdEncoding.Strict().DecodeString(fields[3+i]); err != nil {
			return nil, errHash
		}
	}
	if len(h.salt) < minSalt || len(h.salt) > maxSalt || len(separator) > maxSalt ||
		len(h.key) < minKey || len(h.key) > maxKey || len(h.key) != len(h.signer) {
		return nil, errHash
	}
	h.salt = append(h.salt, separator...)
	return h, nil
}

func (h firebaseHash) matches(password string) bool {
	block, err := aes.NewCipher(h.derive(norm.NFC.String(password), h.salt, 32))
	if err != nil {
		return false // not with 32 bytes
	}
	key := make([]byte, len(h.signer))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(key, h.signer) //nolint:gosec // how Firebase does it
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// quick reports whether the hash takes next to nothing to verify beside one of ours.
func quick(h passwordHash) bool {
	if h, ok := h.(pbkdf2Hash); ok {
		return h.iterations <= 10_000
	}
	_, ok := h.(sshaHash)
	return ok
}

// parseDjango parses pbkdf2_sha256$iterations$salt$key, whose salt is text.
func parseDjango(stored string) (passwordHash, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 4 {
		return nil, errHash
	}
	h := pbkdf2Hash{digest: digestOf(strings.TrimPrefix(fields[0], "pbkdf2_")), salt: []byte(fields[2])}
	var err error
	if h.iterations, err = strconv.Atoi(fields[1]); err != nil || h.digest == nil {
		return nil, errHash
	}
	h.key, err = base64.StdEncoding.Strict().DecodeString(fields[3])
	if err != nil || len(h.salt) < minSalt || len(h.salt) > maxSalt || len(h.key) < minKey || len(h.key) > maxKey {
		return nil, errHash
	}
	return h, h.check()
}

// sshaHash is {SSHA256} and the base64 of a digest of password and salt, followed by
// the salt.
type sshaHash struct {
	digest    func() hash.Hash
	sum, salt []byte
}

func parseSSHA(stored string) (passwordHash, error) {
	scheme, encoded, _ := strings.Cut(stored[1:], "}")
	name := map[string]string{"SSHA": "sha1", "SSHA256": "sha256", "SSHA512": "sha512"}[scheme]
	h := sshaHash{digest: digestOf(name)}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || h.digest == nil {
		return nil, errHash
	}
	size := h.digest().Size()
	if len(decoded) < size+minSalt || len(decoded) > size+maxSalt {
		return nil, errHash
	}
	h.sum, h.salt = decoded[:size], decoded[size:]
	return h, nil
}

func (h sshaHash) matches(password string) bool {
	digest := h.digest()
	_, _ = digest.Write([]byte(norm.NFC.String(password))) // never fails
	_, _ = digest.Write(h.salt)
	return subtle.ConstantTimeCompare(digest.Sum(nil), h.sum) == 1
}
