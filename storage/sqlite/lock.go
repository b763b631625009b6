package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrServed: another process serves the file.
var ErrServed = errors.New("another process serves this database")

// lockFile takes the lock of the process that serves the file. The kernel gives
// it back when the process ends, however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := flock(path+".lock", syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("open database %s: %w", path, ErrServed)
	}
	return f, err
}

// lockMigrations waits until no other process migrates the file.
func lockMigrations(path string) (*os.File, error) {
	return flock(path+".migrating", syscall.LOCK_EX)
}

func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's path
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
