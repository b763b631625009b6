package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
)

type hashCmd struct {
	Calibrate time.Duration `placeholder:"250ms" help:"Hash no password, but find the settings at which one takes so long on this machine."`
}

// Validate checks the flags.
func (c *hashCmd) Validate() error {
	if c.Calibrate < 0 || c.Calibrate > 10*time.Second {
		return errors.New("--calibrate: must be a duration of at most 10s, such as 250ms")
	}
	return nil
}

// Run hashes a password, for the password_hash of a file, or finds out what hashing
// may cost.
func (c *hashCmd) Run(ctx context.Context, env *environment) error {
	if c.Calibrate > 0 {
		return calibrate(ctx, env, c.Calibrate)
	}
	settings, err := config.Load(env.path, config.Admin)
	if err != nil {
		return err
	}
	hasher, err := newHasher(settings)
	if err != nil {
		return err
	}
	password, err := env.readPassword()
	if err != nil {
		return err
	}
	if err := provider.PasswordPolicy(settings).Check(password); err != nil {
		return err
	}
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return env.print(map[string]string{"password_hash": hash}, func(w io.Writer) { _, _ = fmt.Fprintln(w, hash) })
}

func newHasher(c *config.Config) (*account.Hasher, error) {
	return account.NewHasher(account.Argon2{
		MemoryKiB: c.Password.MemoryKiB, Time: c.Password.Time, Threads: c.Password.Threads,
		Concurrency: c.Password.Concurrency,
	})
}

func calibrate(ctx context.Context, env *environment, target time.Duration) error {
	p, took, err := account.Calibrate(target, func(p account.Argon2) (time.Duration, error) { return measure(ctx, p) })
	if err != nil {
		return err
	}
	found := struct {
		MemoryKiB uint32 `json:"memory_kib"`
		Time      uint32 `json:"time"`
		Threads   uint8  `json:"threads"`
		Took      int64  `json:"milliseconds"`
	}{p.MemoryKiB, p.Time, p.Threads, took.Milliseconds()}
	return env.print(found, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "# A password takes %d ms to hash on this machine, and %d MiB while it does.\n"+
			"password:\n  memory_kib: %d\n  time: %d\n  threads: %d\n",
			found.Took, p.MemoryKiB>>10, p.MemoryKiB, p.Time, p.Threads)
	})
}

// measure is how long a hash takes, at the best of a few times: whatever else the
// machine does is not what it costs.
func measure(ctx context.Context, p account.Argon2) (time.Duration, error) {
	hasher, err := account.NewHasher(p)
	if err != nil {
		return 0, err
	}
	best := time.Duration(math.MaxInt64)
	for range 3 {
		begin := time.Now()
		if _, err := hasher.Hash(ctx, "a password to measure with"); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin))
	}
	return best, nil
}

// readPassword reads a password: typed twice and unseen where there is a terminal,
// else the first line of standard input.
func (env *environment) readPassword() (string, error) {
	if file, ok := env.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return env.typePassword(int(file.Fd()))
	}
	_, _ = fmt.Fprintln(env.stderr, "Password (one line on standard input):")
	line, err := bufio.NewReader(env.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (env *environment) typePassword(terminal int) (string, error) {
	typed := [2]string{}
	for i, prompt := range [...]string{"Password: ", "The same again: "} {
		_, _ = fmt.Fprint(env.stderr, prompt)
		line, err := term.ReadPassword(terminal)
		_, _ = fmt.Fprintln(env.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(line)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ: try again")
	}
	return typed[0], nil
}
