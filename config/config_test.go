package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	return names
}

func TestBadFilesTellEveryProblem(t *testing.T) {
	for _, name := range files(t, "testdata/bad/*.toml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := Parse("twinpath.toml", text)
			if len(problems) == 0 {
				t.Fatal("accepted")
			}
			golden(t, strings.TrimSuffix(name, "toml")+"txt", problems.Error()+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGoodFilesAreAccepted(t *testing.T) {
	for _, name := range append(files(t, "testdata/good/*.toml"), "../packaging/twinpath.toml") {
		if _, err := Load(name); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	missing, large, fifo := filepath.Join(dir, "missing.toml"), filepath.Join(dir, "large.toml"), "/dev/null"
	if err := os.WriteFile(large, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want string }{
		{missing, "read configuration: open " + missing + ": no such file or directory\nhint: write one, as docs/configuration.md explains, or name another with --config"},
		{dir, "read configuration: " + dir + " is a directory\nhint: name the file in it, for example " + dir + "/twinpath.toml"},
		{fifo, "read configuration: /dev/null is not a regular file"},
		{large, large + ": is larger than 1024 KiB\nhint: this is not a Twinpath configuration"},
	} {
		if _, err := Load(test.path); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.path, err, test.want)
		}
	}
	_, err := Load(missing)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
}

func TestHostileTextIsRefusedOrReadQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"binary":          "\x7fELF\x02\x01\x01\x00\x00",
		"utf-16":          "\xff\xfe[\x00l\x00",
		"not utf-8":       "[router]\nname = \"\xc3\x28\"\n",
		"deep array":      "a = " + strings.Repeat("[", 100_000),
		"deep table":      "a = " + strings.Repeat("{a=", 100_000),
		"unclosed string": "a = \"" + strings.Repeat("x", 100_000),
		"long key":        strings.Repeat("x", 100_000) + " = 1",
		"long dotted key": strings.Repeat("x.", 500_000) + "x = 1",
		"many bad lines":  strings.Repeat("a = b\n", 10_000),
	} {
		_, problems := Parse("f", []byte(text))
		if len(problems) == 0 {
			t.Errorf("%s: accepted", name)
		}
		if len(problems.Error()) > 1<<20 {
			t.Errorf("%s: the answer is %d bytes long", name, len(problems.Error()))
		}
	}
}
