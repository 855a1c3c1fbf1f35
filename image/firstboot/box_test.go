package firstboot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// desk is a box on temporary directories, with a machine that remembers what it was told.
type desk struct {
	*Box
	t        *testing.T
	log      bytes.Buffer
	name     string
	keys     int  // host keys made
	locked   bool // the card's switch is on read-only
	writable bool
	mendErr  error
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t}
	root := t.TempDir()
	d.Box = &Box{Data: filepath.Join(root, "data"), Card: filepath.Join(root, "card"), Run: filepath.Join(root, "run"),
		Configs: d, System: d, Log: slog.New(slog.NewTextHandler(&d.log, nil))}
	if err := os.Mkdir(d.Card, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// Check takes "name = NAME" only.
func (d *desk) Check(file string, text []byte) (string, error) {
	name, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "name = ")
	if !ok {
		return "", errors.New(file + ":1: that is no configuration\nhint: write one")
	}
	return name, nil
}

func (d *desk) archive() string { return filepath.Join(d.Data, "state", "kept") }

func (d *desk) Keep(boot string) error {
	text, err := os.ReadFile(boot)
	if err != nil {
		return err
	}
	return replace(d.files(), d.archive(), text, 0o600)
}

func (d *desk) Mend(boot string) (string, error) {
	text, err := os.ReadFile(boot)
	if _, bad := d.Check(boot, text); err == nil && bad == nil {
		return "", nil
	}
	if d.mendErr != nil {
		return "", d.mendErr
	}
	kept, err := os.ReadFile(d.archive())
	if err != nil {
		return "", nil
	}
	return "The older one is in use.", replace(d.files(), boot, kept, 0o600)
}

func (d *desk) CardWritable(on bool) error {
	if on && d.locked {
		return syscall.EROFS
	}
	d.writable = on
	return nil
}

func (d *desk) HostKey(file string) error {
	if exists(file) {
		return fs.ErrExist
	}
	d.keys++
	return d.files().write(file, []byte("host key"), 0o600)
}

func (d *desk) SetHostname(name string) error {
	d.name = name
	return nil
}

// put writes a file below the desk: "card/…" or "data/…".
func (d *desk) put(name, text string) {
	d.t.Helper()
	path := filepath.Join(filepath.Dir(d.Data), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) drop(name string) {
	d.t.Helper()
	if err := os.Remove(filepath.Join(filepath.Dir(d.Data), name)); err != nil {
		d.t.Fatal(err)
	}
}

// tree is every file below the desk with its text, but what Run keeps until the next boot.
func (d *desk) tree() string {
	d.t.Helper()
	root := filepath.Dir(d.Data)
	var all []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		if strings.HasPrefix(name, "run/") || strings.HasPrefix(filepath.Base(name), "claim-code") { // claim_test.go looks at those
			return err
		}
		if name == "data/system/card.json" {
			text = []byte("…")
		}
		all = append(all, fmt.Sprintf("%s: %s", name, strings.TrimSpace(string(text))))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (d *desk) expect(lines ...string) {
	d.t.Helper()
	slices.Sort(lines)
	if got := d.tree(); got != strings.Join(lines, "\n") {
		d.t.Errorf("found\n%s\nwant\n%s\nlog\n%s", got, strings.Join(lines, "\n"), d.log.String())
	}
	if d.writable {
		d.t.Error("the card stayed writable")
	}
}

// told compares what Run says to the console.
func (d *desk) told(file, want string) {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Run, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	if string(text) != want {
		d.t.Errorf("%s says %q, want %q", file, text, want)
	}
}

func (d *desk) logged(phrases ...string) {
	d.t.Helper()
	for _, p := range phrases {
		if !strings.Contains(d.log.String(), p) {
			d.t.Errorf("the log does not say %q:\n%s", p, d.log.String())
		}
	}
}

const (
	remembered = "data/system/card.json: …"
	hostKey    = "data/system/ssh/host_ed25519: host key"
	anna       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4H1RzIDbq6tTCvQdrmWv8ZDfxpNHDvJt9mdnCqdMEf anna@laptop"
)
