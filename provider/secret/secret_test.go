package secret_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gatelodge/gatelodge/provider/secret"
)

const current, older = "the current master secret, 32 bytes long", "an older master secret, 32 bytes or more"

func keysOf(t *testing.T, current string, previous ...string) *secret.Keys {
	t.Helper()
	k, err := secret.New(current, previous...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestShortSecretIsRefusedWithoutBeingNamed(t *testing.T) {
	t.Parallel()
	short := strings.Repeat("s", secret.MinLength-1)
	for _, secrets := range [][2]string{{short, older}, {current, short}} {
		_, err := secret.New(secrets[0], secrets[1])
		if err == nil {
			t.Fatal("accepted")
		}
		if strings.Contains(err.Error(), short) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestSealedValueIsBoundToPurposeAndContext(t *testing.T) {
	t.Parallel()
	keys := keysOf(t, current)
	sealed := keys.For("one").Seal([]byte("value"), []byte("here"))
	if got, err := keys.For("one").Open(sealed, []byte("here")); err != nil || string(got) != "value" {
		t.Fatalf("got %q, %v", got, err)
	}
	altered := bytes.Clone(sealed)
	altered[len(altered)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return keys.For("two").Open(sealed, []byte("here")) },
		"another context": func() ([]byte, error) { return keys.For("one").Open(sealed, []byte("there")) },
		"another secret":  func() ([]byte, error) { return keysOf(t, older).For("one").Open(sealed, []byte("here")) },
		"altered":         func() ([]byte, error) { return keys.For("one").Open(altered, []byte("here")) },
		"cut short":       func() ([]byte, error) { return keys.For("one").Open(sealed[:10], []byte("here")) },
		"empty":           func() ([]byte, error) { return keys.For("one").Open(nil, nil) },
	} {
		if got, err := open(); !errors.Is(err, secret.ErrOpen) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestSealingTwiceGivesDifferentValues(t *testing.T) {
	t.Parallel()
	key := keysOf(t, current).For("one")
	if bytes.Equal(key.Seal([]byte("value"), nil), key.Seal([]byte("value"), nil)) {
		t.Error("equal plaintexts can be told from their sealed forms")
	}
}

// A secret can be replaced without downtime: what the previous one made is still
// recognised, and nothing new is made with it.
func TestPreviousSecretIsStillRecognised(t *testing.T) {
	t.Parallel()
	before, after := keysOf(t, older).For("one"), keysOf(t, current, older).For("one")
	if got, err := after.Open(before.Seal([]byte("value"), nil), nil); err != nil || string(got) != "value" {
		t.Errorf("got %q, %v", got, err)
	}
	if !after.Verify(before.MAC([]byte("a")), []byte("a")) {
		t.Error("a MAC under the previous secret is refused")
	}
	if before.Verify(after.MAC([]byte("a")), []byte("a")) {
		t.Error("the previous secret still makes MACs")
	}
}

func TestPartsOfAMACAreToldApart(t *testing.T) {
	t.Parallel()
	key := keysOf(t, current).For("one")
	if key.Verify(key.MAC([]byte("ab"), []byte("c")), []byte("a"), []byte("bc")) {
		t.Error("the border between the parts can be moved")
	}
	if key.Verify(nil, []byte("a")) || key.Verify([]byte{}, []byte("a")) {
		t.Error("no MAC is a MAC")
	}
}
