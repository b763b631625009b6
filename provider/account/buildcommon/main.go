// Command buildcommon writes the list of common passwords that provider/account
// embeds. Its arguments are the lists to take, the most telling first: JSON arrays
// of strings or, compressed with gzip, a password a line; in the order of how common
// they are. The one that is embedded was made of
//
//   - src/passwords.json of @zxcvbn-ts/language-common 4.1.3 (MIT),
//   - django/contrib/auth/common-passwords.txt.gz of Django 5.2.19 (BSD-3-Clause),
//   - data.json of popular-passwords 1.0.3 (MIT), which is in no order:
//
// so that it does not say how common one is that only it has.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gatelodge/gatelodge/provider/account"
)

// shortest is how many characters an entry has at least: shorter ones say nothing
// of a password that contains them.
const shortest = 3

func main() {
	if len(os.Args) < 3 {
		fail("usage: buildcommon OUTPUT LIST...")
	}
	ranks := map[string]int{}
	for _, file := range os.Args[2:] {
		list, err := read(file)
		if err != nil {
			fail(err)
		}
		for rank, password := range list {
			folded := account.FoldPassword(password)
			if utf8.RuneCountInString(folded) < shortest {
				continue
			}
			if old, known := ranks[folded]; !known || rank < old {
				ranks[folded] = rank
			}
		}
	}
	encoded := account.EncodeCommon(ranks)
	if err := os.WriteFile(os.Args[1], encoded, 0o644); err != nil { //nolint:gosec // it is published
		fail(err)
	}
	fmt.Printf("%d passwords, %d bytes\n", len(ranks), len(encoded))
}

func read(file string) ([]string, error) {
	data, err := os.ReadFile(filepath.Clean(file)) //nolint:gosec // whoever runs it names the file
	if err != nil {
		return nil, err
	}
	var list []string
	if strings.HasSuffix(file, ".json") {
		err := json.Unmarshal(data, &list)
		return list, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(unzipped)
	for lines.Scan() {
		list = append(list, lines.Text())
	}
	return list, lines.Err()
}

func fail(reason any) {
	_, _ = fmt.Fprintln(os.Stderr, "buildcommon:", reason)
	os.Exit(1)
}
