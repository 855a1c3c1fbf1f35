package main

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeMachine implements firstboot.System on a temporary directory.
type fakeMachine struct{ name string }

func (*fakeMachine) CardWritable(bool) error      { return nil }
func (*fakeMachine) HostKey(f string) error       { return os.WriteFile(f, []byte("key"), 0o600) }
func (m *fakeMachine) SetHostname(n string) error { m.name = n; return nil }

func TestPrepareWithRealConfigurations(t *testing.T) {
	data, card, run := t.TempDir(), t.TempDir(), t.TempDir()
	system := &fakeMachine{}
	var log bytes.Buffer
	box := newBox(data, card, run, system, slog.New(slog.NewTextHandler(&log, nil)))
	boot, onCard := filepath.Join(data, "config", "twinpath.toml"), filepath.Join(card, "TWINPATH.TOML")
	put := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says := func(file, want string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s says %q (%v), want %q\n%s", file, text, err, want, log.String())
		}
	}

	put(onCard, "\ufeff"+strings.ReplaceAll("[router]\nname = \"main\"\n\n"+good, "\n", "\r\n"))
	box.Prepare()
	says(boot, `name = "main"`)
	if system.name != "main" {
		t.Errorf("named %q", system.name)
	}

	put(onCard, strings.Replace(good, `"dhcp"`, `"dchp"`, 1))
	box.Prepare()
	wrong := "twinpath.toml:8: wan[0].kind: "
	says(filepath.Join(run, "problems"), wrong)
	says(filepath.Join(card, "twinpath-problems.txt"), wrong)
	says(boot, `name = "main"`)

	put(boot, "") // an editor and a power cut
	box.Prepare()
	says(boot, `name = "main"`)
	says(filepath.Join(run, "restored"), "The configuration was empty: an older one is in use, number 1 of those kept")
}

// TestRemountingTheCard needs a mount namespace of its own, where /tmp is the card.
func TestRemountingTheCard(t *testing.T) {
	if card := os.Getenv("TWINPATH_TEST_CARD"); card != "" {
		remountTheCard(t, card)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	card := t.TempDir()
	script := `mount -t tmpfs -o ro,nosuid,nodev,noexec card "$TWINPATH_TEST_CARD" && exec "$0" -test.run '^TestRemountingTheCard$' -test.v`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-euc", script, os.Args[0])
	cmd.Env = append(os.Environ(), "TWINPATH_TEST_CARD="+card)
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func remountTheCard(t *testing.T, card string) {
	m := machine{card: card}
	if !mountPoint(card) || mountPoint(filepath.Dir(filepath.Dir(card))) {
		t.Error("the card is not seen as mounted, or its parent is")
	}
	for _, on := range []bool{true, false} {
		if err := m.CardWritable(on); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(card, "probe"), nil, 0o600); (err == nil) != on {
			t.Errorf("writable %v: write: %v", on, err)
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(card, &fs); err != nil {
			t.Fatal(err)
		}
		if keep := int64(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC); int64(fs.Flags)&keep != keep {
			t.Errorf("writable %v: flags %#x have lost some", on, fs.Flags)
		}
	}
}

func TestResetNeedsAnImageAndAYes(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmdline := filepath.Join(root, "proc", "cmdline")
	if err := os.WriteFile(cmdline, []byte("ro quiet"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := resettable(root); err == nil || !strings.HasPrefix(err.Error(), "this system does not run from a Twinpath image\nhint: ") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(cmdline, []byte("ro twinpath.slot=a twinpath.mode=normal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := resettable(root); err != nil {
		t.Error(err)
	}
	if err := os.MkdirAll(filepath.Join(root, imageRun, "data-lost"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := resettable(root); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]error{"yes\n": nil, "y\n": saidError(no), "": saidError(no), "no\n": saidError(no)} {
		var out bytes.Buffer
		if err := agree(stdio{strings.NewReader(text), &out, &out}); err != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
		if said := strings.Contains(out.String(), "Nothing was changed."); said != (want != nil) {
			t.Errorf("%q: said %q", text, out.String())
		}
	}
	if err := ask(stdio{strings.NewReader("yes\n"), &bytes.Buffer{}, &bytes.Buffer{}}); err == nil || err.Error() != "nobody is there to be asked: say --yes" {
		t.Errorf("without a terminal: %v", err)
	}
	if got := play(t.Context(), "reset"); got.status == done { // never with --yes: who knows where this runs
		t.Errorf("here: %+v", got)
	}
}
