package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/twinpath/twinpath/migration"
	"github.com/twinpath/twinpath/program"
)

// importConfig prints another VRRP daemon's configuration as ours. What has no counterpart goes to stderr, one line each.
func importConfig(_ context.Context, args []string, std stdio) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	host := flags.String("host", "", "whose lines to take, for those that begin with @; default: this machine's")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	if *host == "" {
		*host, _, _ = strings.Cut(hostname(), ".") // as keepalived does
	}
	text, err := readSome(rest[0])
	if err != nil {
		return err
	}
	got, err := migration.Import(rest[0], text, migration.Origin{Host: *host, Include: included, Usable: program.Safe})
	if err != nil {
		fmt.Fprintln(std.err, err)
		return saidError(no)
	}
	for _, note := range got.Notes {
		fmt.Fprintln(std.err, note)
	}
	fmt.Fprint(std.out, got.TOML)
	return nil
}

// included reads the files of a pattern.
func included(pattern string) ([]migration.File, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var files []migration.File
	for _, name := range names {
		text, err := readSome(name)
		if err != nil {
			return nil, err
		}
		files = append(files, migration.File{Name: name, Text: text})
	}
	return files, nil
}

// readSome reads a regular file, at most one byte more of it than an import takes.
func readSome(name string) ([]byte, error) {
	stat, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, migration.MaxSize+1))
}
