package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/internal/strictyaml"
)

// defaultPath is the file that is read when no other is named, if it exists.
const defaultPath = "config.yaml"

// Mode is what the settings are needed for, which decides what must be set.
type Mode int

const (
	// Serve is production: nothing that development makes do with is accepted.
	Serve Mode = iota
	// Dev is a developer's own machine: what is missing is made up.
	Dev
	// Admin is a command beside a server of either kind. It finds the database
	// and the secret where that server has them; the secret may be missing, as
	// not every command needs it.
	Admin
)

// Load finds the settings in the environment and in the file at path, or in
// config.yaml if path is "" and there is one, and checks them. Its error, an
// [Error], names everything that is wrong.
func Load(path string, mode Mode) (*Config, error) {
	return load(path, mode, os.Environ())
}

// Lookup returns the environment variable, for files that refer to it.
func Lookup(name string) (string, bool) { return os.LookupEnv(name) }

func load(path string, mode Mode, environ []string) (*Config, error) {
	c := Default()
	c.sources = map[string]string{}
	c.readFile(path)
	c.readEnvironment(environ)
	c.fill(mode)
	c.check(mode)
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return c, nil
}

func (c *Config) readFile(path string) {
	name := path
	if path == "" {
		name = defaultPath
	}
	data, err := os.ReadFile(filepath.Clean(name))
	switch {
	case path == "" && errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		c.fault("cannot read the configuration: %v", err)
		return
	}
	lines, faults := strictyaml.Decode(data, c)
	for key, line := range lines {
		c.sources[key] = fmt.Sprintf("%s:%d", name, line)
	}
	for _, fault := range faults {
		c.fault("%s: %s", name, fault)
		c.sources[fault.Key] = faulty
	}
}

// readEnvironment takes the settings from "NAME=value" entries, each from the
// variable named after its key, a secret also from the file that the variable
// with _FILE behind that name points to.
func (c *Config) readEnvironment(environ []string) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	c.readPlatform(env)
	var names []string
	eachSetting("", reflect.ValueOf(c).Elem(), func(key string, setting reflect.Value) {
		name := variable(key)
		names = append(names, name)
		value, given := env[name]
		if given {
			c.set(key, setting, name, value)
		}
		if !isSecret(setting) {
			return
		}
		names = append(names, name+"_FILE")
		switch path := env[name+"_FILE"]; {
		case path != "" && given:
			c.fault("%s_FILE: the setting is also given by %s, unset one of them", name, name)
		case path != "":
			c.setFromFile(key, setting, name+"_FILE", path)
		}
	})
	c.findMisspelt(env, names)
}

// readPlatform honours the variables that hosting platforms set.
func (c *Config) readPlatform(env map[string]string) {
	if url := env["DATABASE_URL"]; url != "" {
		c.Database.URL = Secret(url)
		c.sources["database.url"] = "DATABASE_URL"
	}
	if port := env["PORT"]; port != "" {
		c.HTTP.Addr = ":" + port
		c.sources["http.addr"] = "PORT"
	}
}

func (c *Config) set(key string, setting reflect.Value, source, text string) {
	c.sources[key] = source
	if err := strictyaml.Set(setting.Addr().Interface(), text); err != nil {
		c.fault("%s: %v", source, err)
		c.sources[key] = faulty
	}
}

func (c *Config) setFromFile(key string, setting reflect.Value, source, path string) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		c.fault("%s: %v", source, err)
		c.sources[key] = faulty
		return
	}
	c.set(key, setting, source, strings.TrimSpace(string(data)))
}

// findMisspelt reports variables that are a slip or two away from one of ours.
// Others are left alone: Kubernetes sets GATELODGE_SERVICE_HOST and the like
// beside a service of that name.
func (c *Config) findMisspelt(env map[string]string, names []string) {
	var misspelt []string
	for name := range env {
		if strings.HasPrefix(name, prefix) && !slices.Contains(names, name) {
			misspelt = append(misspelt, name)
		}
	}
	slices.Sort(misspelt)
	for _, name := range misspelt {
		if near := strictyaml.Nearest(name, names, 3); near != "" {
			c.fault("%s: unknown variable, did you mean %s?", name, near)
		}
	}
}

const prefix = "GATELODGE_"

// variable returns the name of the environment variable for a key.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func isSecret(setting reflect.Value) bool {
	switch setting.Interface().(type) {
	case Secret, []Secret:
		return true
	default:
		return false
	}
}

// eachSetting calls visit with every setting below v and its key.
func eachSetting(path string, v reflect.Value, visit func(key string, setting reflect.Value)) {
	for field, value := range v.Fields() {
		key := strings.TrimPrefix(path+"."+strictyaml.Name(field), ".")
		switch {
		case strictyaml.Name(field) == "":
		case value.Kind() == reflect.Struct:
			eachSetting(key, value, visit)
		default:
			visit(key, value)
		}
	}
}
