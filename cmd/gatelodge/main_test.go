package main

import (
	"io"
	"net"
	"net/http"
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
