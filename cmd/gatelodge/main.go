// Command gatelodge is the OpenID Connect provider and its command line. It
// wires what other packages own to a process, and holds no logic of its own.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "unknown"

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (default: config.yaml, if it exists)."`
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print: table or json."`

	Dev     devCmd     `cmd:"" help:"Run the provider for development: no set-up, sample data, never for production."`
	Serve   serveCmd   `cmd:"" help:"Run the provider."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's schema up to date, or show its state."`
	Apply   applyCmd   `cmd:"" help:"Create and change clients, people, scopes and resource servers from a file."`
	Client  clientCmd  `cmd:"" help:"Manage clients."`
	User    userCmd    `cmd:"" help:"Manage people."`
	Hash    hashCmd    `cmd:"" help:"Hash a password that is read from standard input, or find out what hashing may cost here."`
	Key     keyCmd     `cmd:"" help:"Manage signing keys."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	// The first signal asks to stop, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs one command and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(
		&c,
		kong.Name("gatelodge"),
		kong.Description("Gatelodge is an OpenID Connect provider: one binary that applications sign people in with."),
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "gatelodge: %v\nTry: gatelodge --help\n", err)
		return exitUsage
	}
	err = parsed.Run(&environment{path: c.Config, output: c.Output, stdin: stdin, stdout: stdout, stderr: stderr})
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "gatelodge: %v\n", err)
	return exitFailed
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(env *environment) error {
	return env.print(map[string]string{"version": version}, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, "gatelodge", version)
	})
}
