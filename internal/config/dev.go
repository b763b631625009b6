package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// fill makes up what is empty.
func (c *Config) fill(mode Mode) {
	if c.Log.Format == "" {
		c.Log.Format = "json"
		if mode == Dev {
			c.Log.Format = "text"
		}
	}
	if mode == Dev {
		c.fillAddr()
		if c.sources["accounts.sign_up"] == "" { // which is there to be tried
			c.Accounts.SignUp = true
		}
	}
	if mode != Serve && c.Secret == "" && c.sources["secret"] != faulty {
		c.fillSecret(mode)
	}
}

// fillAddr keeps a development server to this machine, and has the issuer say
// localhost: browsers offer passkeys there and not at 127.0.0.1.
func (c *Config) fillAddr() {
	_, port, err := net.SplitHostPort(c.HTTP.Addr)
	if err != nil {
		return // check reports it
	}
	c.HTTP.Addr = net.JoinHostPort("localhost", port)
	if c.Issuer == "" {
		c.Issuer = "http://" + c.HTTP.Addr
	}
}

// fillSecret takes the secret that a development server has made for itself
// and keeps beside its database, and makes it if this is that server.
func (c *Config) fillSecret(mode Mode) {
	path := filepath.Join(filepath.Dir(c.Database.Path), "dev-secret")
	data, err := os.ReadFile(path) //nolint:gosec // beside the configured database
	if errors.Is(err, fs.ErrNotExist) {
		if mode != Dev {
			return
		}
		data, err = makeSecret(path)
	}
	if err != nil {
		c.fault("secret: the development secret: %v", err)
		c.sources["secret"] = faulty
		return
	}
	c.Secret = Secret(strings.TrimSpace(string(data)))
	c.sources["secret"] = path
}

func makeSecret(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	data := []byte(rand.Text() + rand.Text() + "\n")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return data, nil
}
