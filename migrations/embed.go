// Package migrations owns the schemas of both engines, as goose migrations that
// only go forward. The engines run them; nothing here touches a database.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres and SQLite hold the migrations of each engine.
var (
	Postgres = sub("postgres") //nolint:gochecknoglobals // a constant
	SQLite   = sub("sqlite")   //nolint:gochecknoglobals // a constant
)

func sub(dir string) fs.FS {
	fsys, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only a malformed constant can do this
	}
	return fsys
}
