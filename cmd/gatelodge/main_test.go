package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatelodge": main})
}

// The command line, as its users see it: each script is a session at a shell.
// $HTTP, $OPS and $NOBODY are free ports.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"get": get},
		Setup: func(env *testscript.Env) error {
			var held []net.Listener // until all are chosen, so that they differ
			for _, name := range []string{"HTTP", "OPS", "NOBODY"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				_, port, err := net.SplitHostPort(l.Addr().String())
				if err != nil {
					return err
				}
				env.Setenv(name, port)
				held = append(held, l)
			}
			return closeAll(held)
		},
	})
}

// 0 is done, 1 is failed, 2 is a command line that cannot be.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"version":                       0,
		"":                              exitUsage,
		"nonsense":                      exitUsage,
		"client":                        exitUsage,
		"client get":                    exitUsage,
		"key rotate ES256 RS256":        exitUsage,
		"apply":                         exitUsage,
		"user create --name Sam":        exitUsage,
		"user list --limit 0":           exitUsage,
		"-o yaml version":               exitUsage,
		"apply -f no-such-file.yaml":    exitFailed,
		"-c no-such-file.yaml migrate":  exitFailed,
		"-c no-such-file.yaml key list": exitFailed,
	} {
		var stdout, stderr strings.Builder
		if got := run(t.Context(), strings.Fields(line), strings.NewReader(""), &stdout, &stderr); got != want {
			t.Errorf("gatelodge %s: exit code %d, want %d", line, got, want)
		}
		if failed := want != 0; failed != strings.HasPrefix(stderr.String(), "gatelodge: ") || failed == (stdout.Len() > 0) {
			t.Errorf("gatelodge %s: prints %q, and %q as an error", line, &stdout, &stderr)
		}
	}
}

// typing is standard input, while whose first line is typed something else is done.
type typing struct {
	io.Reader
	meanwhile func()
}

func (r *typing) Read(b []byte) (int, error) {
	if meanwhile := r.meanwhile; meanwhile != nil {
		r.meanwhile = nil
		meanwhile()
	}
	return r.Reader.Read(b)
}

// Who is disabled while somebody types their new password stays disabled.
func TestSetPasswordTakesNothingElseBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	settings := "secret: 0123456789012345678901234567890123456789\npassword:\n  memory_kib: 64\ndatabase:\n  path: " + dir + "/gatelodge.db\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(line string, stdin io.Reader) string {
		t.Helper()
		var stdout, stderr strings.Builder
		if code := run(t.Context(), append([]string{"-c", config}, strings.Fields(line)...), stdin, &stdout, &stderr); code != 0 {
			t.Fatalf("%s: %s", line, &stderr)
		}
		return stdout.String()
	}
	command("migrate", nil)
	command("user create --username sam", strings.NewReader("correct-horse-battery\n"))
	command("user set-password sam", &typing{strings.NewReader("another-horse-battery\n"), func() { command("user disable sam", nil) }})
	if got := command("user get sam", nil); !strings.Contains(got, "disabled since") {
		t.Errorf("got %s", got)
	}
}

// get is "get URL STATUS [TEXT]": it asks until the answer has the status and
// the text, since servers take a moment to start.
func get(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: get URL STATUS [TEXT]")
	}
	client := &http.Client{Timeout: time.Second}
	var last string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		response, err := client.Get(args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		last = response.Status + " " + string(body)
		if strconv.Itoa(response.StatusCode) == args[1] && strings.Contains(last, strings.Join(args[2:], " ")) {
			return
		}
	}
	ts.Fatalf("%s: %s", args[0], last)
}
