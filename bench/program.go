package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

const (
	starts   = 11
	startsIn = 10 * time.Second
	idle     = 2 * time.Second
)

// measureProgram measures what only the built program can show, on SQLite.
func measureProgram(ctx context.Context, binary, dir string, out io.Writer) error {
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("build the program first (make build): %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	say("%s: starting it %d times", binary, starts)
	var taken []time.Duration
	var resident int
	for i := range starts + 1 {
		wait := time.Duration(0)
		if i == starts {
			wait = idle
		}
		t, rss, err := startOnce(ctx, binary, dir, wait)
		if err != nil {
			return err
		}
		taken, resident = append(taken, t), rss
	}
	taken = taken[1:] // the first made the database
	slices.Sort(taken)
	fmt.Fprintf(out, "\nThe program, on SQLite\n\n| | measured | target |\n|---|--:|--:|\n")
	fmt.Fprintf(out, "| start to first answer on an existing database, median of %d, ms | %s | 50 |\n",
		len(taken), milliseconds(taken[len(taken)/2]))
	fmt.Fprintf(out, "| resident memory, idle, MiB | %.1f | 30 |\n", float64(resident)/1024)
	fmt.Fprintf(out, "| size, MB | %.1f | 40 |\n", float64(info.Size())/1e6)
	return nil
}

// startOnce starts the program, waits for its first answer, looks at its memory
// when it has been idle for as long, and ends it.
func startOnce(ctx context.Context, binary, dir string, idle time.Duration) (taken time.Duration, resident int, err error) {
	address, ops, err := freeAddresses()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, binary, "serve")
	cmd.Env = []string{
		"GATELODGE_ISSUER=http://" + address, "GATELODGE_HTTP_ADDR=" + address, "GATELODGE_OPS_ADDR=" + ops,
		"GATELODGE_SECRET=a secret for the bench only, of 32 bytes or more",
		"GATELODGE_DATABASE_PATH=" + filepath.Join(dir, "gatelodge.db"),
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // of the bench's own
	if err != nil {
		return 0, 0, err
	}
	defer log.Close()
	cmd.Stderr = log
	start := now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	err = firstAnswer(address, start.Add(startsIn))
	taken = now().Sub(start)
	if err == nil {
		time.Sleep(idle)
		resident = memory(cmd.Process.Pid)
	}
	return taken, resident, errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
}

// firstAnswer asks for the discovery document until there is one.
func firstAnswer(address string, until time.Time) error {
	for {
		c, err := dial(address)
		if err == nil {
			defer c.Close()
			_, err = ok(c.send([]byte("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: bench\r\n\r\n")))
			return err
		}
		if now().After(until) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func freeAddresses() (a, b string, err error) {
	for _, address := range []*string{&a, &b} {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // opens at once
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		*address = l.Addr().String()
	}
	return a, b, nil
}
