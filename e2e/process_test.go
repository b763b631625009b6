package e2e

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that should take moments.
const patience = 20 * time.Second

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when it has ended
}

// start starts a program with nothing but the given environment. It ends with
// the test at the latest.
func start(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), output: newOutput(), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.WaitDelay = time.Second // for what it may have started itself
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			said := p.output.String()
			t.Logf("%s %v:\n%s", name, args, said[max(0, len(said)-4000):])
		}
	})
	return p
}

// run runs a program to its end, which must be a good one.
func run(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	p := start(t, dir, env, name, args...)
	if code := p.wait(t); code != 0 {
		t.Fatalf("%s %v: exit code %d:\n%s", name, args, code, p.output)
	}
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop asks the process to stop, as Ctrl-C does, and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // shows where it hangs
		t.Fatalf("%s does not end", p.cmd)
		return -1
	}
}

// says waits until the process has printed the text.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	limit := time.After(patience)
	for {
		grown := p.output.grown()
		if strings.Contains(p.output.String(), text) {
			return
		}
		select {
		case <-grown:
		case <-p.ended:
			t.Fatalf("%s ended before it said %q", p.cmd, text)
		case <-limit:
			t.Fatalf("%s does not say %q", p.cmd, text)
		}
	}
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text []byte
	more chan struct{} // closed and replaced when there is more
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	close(o.more)
	o.more = make(chan struct{})
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// grown returns a channel that is closed when there is more.
func (o *output) grown() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.more
}

// firstPort and portsTaken lead to the port that is given out next. They are
// taken from below those that systems give to outgoing connections: one of these
// could take the port of a program that is being restarted.
var (
	firstPort  = 10000 + rand.IntN(15000)
	portsTaken atomic.Int32
)

// freePort returns a port that is free on localhost.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		candidate := strconv.Itoa(firstPort + int(portsTaken.Add(1)))
		l, err := net.Listen("tcp", "localhost:"+candidate)
		if err == nil {
			err = l.Close()
		}
		if err == nil {
			return candidate
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
	t.Fatal("no port is free")
	return ""
}
