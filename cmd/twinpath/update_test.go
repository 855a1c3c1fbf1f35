package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

// box is a directory that looks like a machine that runs 1.0 from slot A of its image.
type box struct {
	t        *testing.T
	root     string
	key      ed25519.PrivateKey
	snapshot *router.Snapshot // nil: no daemon answers
	restarts int
}

// boxSlot is the size of its slots, in bytes.
const boxSlot = 64 << 10

var (
	builtOld = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	builtNew = builtOld.AddDate(0, 0, 20)
)

func flashed(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, root: t.TempDir(), snapshot: &router.Snapshot{Verdict: router.VerdictOK, Sentence: "Internet works, on fibre.", WANs: []router.WANSnapshot{{}}}}
	var err error
	if b.key, err = bundle.GenerateKey(b.path("home/update.key")); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(b.path("home/update.pub"))
	if err != nil {
		t.Fatal(err)
	}
	b.write("usr/share/twinpath/update.pub", string(public))
	b.about("1.0")
	b.write("proc/cmdline", "twinpath.slot=a twinpath.mode=normal panic=10\n")
	b.write("proc/self/mountinfo", "30 22 8:4 / /data rw - ext4 /dev/sda4 rw\n")
	b.env("slot=a\ntry=\nleft=3\n")
	b.write("data/system/machine-id", "\n")
	super := make([]byte, 2048)
	super[1024+0x38], super[1024+0x39] = 0x53, 0xef
	copy(super[1024+0x78:], "twinpath-data")
	for n, content := range map[int]string{2: "hsqs old" + string(make([]byte, boxSlot-8)), 3: string(make([]byte, boxSlot)), 4: string(super)} {
		dir := fmt.Sprintf("sys/devices/sda/sda%d", n)
		b.write(dir+"/partition", fmt.Sprintln(n))
		b.write(dir+"/size", fmt.Sprintln(boxSlot/512))
		b.write(dir+"/dev", fmt.Sprintf("8:%d\n", n))
		b.write(fmt.Sprintf("dev/sda%d", n), content)
	}
	if err := os.Symlink(b.path("sys/devices/sda/sda4"), b.path("sys/dev/block/8:4")); err != nil {
		t.Fatal(err)
	}
	return b
}

// about makes the running system this version.
func (b *box) about(version string) {
	text, err := json.Marshal(about{Version: version, Arch: "amd64", Board: "pc", Created: builtOld})
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("usr/share/twinpath/image.json", string(text))
}

// path returns a name below the root, with its directory made.
func (b *box) path(name string) string {
	name = filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return name
}

func (b *box) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	text, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Error(err)
	}
	return string(text)
}

func (b *box) env(text string) {
	text = "# GRUB Environment Block\n" + text
	b.write("boot/loader/twinpath/grubenv", text+strings.Repeat("#", 1024-len(text)))
}

// payload is the new system.
var payload = []byte("hsqs " + strings.Repeat("new system. ", 3000))

// update makes an update file to 2.0; change may make it another one.
func (b *box) update(change func(*bundle.Manifest)) string {
	b.t.Helper()
	m := bundle.Manifest{Version: "2.0", Arch: "amd64", Board: "pc", Created: builtNew}
	if change != nil {
		change(&m)
	}
	var text bytes.Buffer
	if err := bundle.Write(&text, m, b.key, bytes.NewReader(payload)); err != nil {
		b.t.Fatal(err)
	}
	b.write("home/new.update", text.String())
	return b.path("home/new.update")
}

func (b *box) find() installed {
	b.t.Helper()
	m, err := findImage(b.root)
	if err != nil {
		b.t.Fatal(err)
	}
	m.loader.Writable = nil // it is a directory
	return m
}

// run updates from a file, and returns what its owner sees.
func (b *box) run(ctx context.Context, name string, in io.Reader, change func(*updater)) (string, error) {
	b.t.Helper()
	var out bytes.Buffer
	u := &updater{installed: b.find(), std: stdio{in, &out, &out},
		leave: func(context.Context) func() { return func() {} },
		status: func(context.Context) (*router.Snapshot, error) {
			if b.snapshot == nil {
				return nil, errors.New("no daemon answers")
			}
			return b.snapshot, nil
		},
		restart: func(context.Context) error { b.restarts++; return nil }}
	if change != nil {
		change(u)
	}
	err := u.run(ctx, name)
	if _, err := os.Stat(b.path("data/system/incoming")); !errors.Is(err, os.ErrNotExist) {
		b.t.Errorf("what was received is still there: %v", err)
	}
	return out.String(), err
}

func (b *box) show() string {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.find().show(&out); err != nil {
		b.t.Error(err)
	}
	return out.String()
}

// untouched checks that nothing was written that counts.
func (b *box) untouched(name string) {
	b.t.Helper()
	if strings.Trim(b.read("dev/sda3"), "\x00") != "" || !strings.Contains(b.read("boot/loader/twinpath/grubenv"), "slot=a\ntry=\n") || b.restarts > 0 {
		b.t.Errorf("%s: something was changed", name)
	}
}

func TestUpdate(t *testing.T) {
	b := flashed(t)
	out, err := b.run(t.Context(), b.update(nil), nil, nil)
	const want = `checking
writing
reading back
Slot B has 2.0. It stays if it is healthy within 5m0s of its start; else 1.0 comes back by itself.
Restarting.
`
	if err != nil || out != want || b.restarts != 1 {
		t.Errorf("%v, %d restarts:\n%s", err, b.restarts, out)
	}
	if !strings.HasPrefix(b.read("dev/sda3"), string(payload)) || !strings.HasPrefix(b.read("dev/sda2"), "hsqs old\x00") {
		t.Error("slot B has not the new system, or A not the old one")
	}
	if !strings.Contains(b.read("boot/loader/twinpath/grubenv"), "slot=a\ntry=b\n") {
		t.Error("the boot loader does not know")
	}
	p, there, err := b.find().book.Pending()
	if err != nil || !there || p.To != slot.B || p.Version != "2.0" || p.Was != "1.0" || !p.Online || p.Verdict != "ok" {
		t.Errorf("update.json: %+v, %t, %v", p, there, err)
	}
	const slots = `SLOT  VERSION  STATE
A     1.0      running, committed
B     2.0      to be tried at the next restart
`
	if got := b.show(); got != slots {
		t.Errorf("the slots:\n%s", got)
	}
}

// TestUpdateFromAPipe receives it first, and removes what it received.
func TestUpdateFromAPipe(t *testing.T) {
	b := flashed(t)
	text := b.read(strings.TrimPrefix(b.update(nil), b.root))
	out, err := b.run(t.Context(), "-", strings.NewReader(text), func(u *updater) { u.stay = true })
	if err != nil || !strings.HasPrefix(out, "receiving\nchecking\nwriting\n") || !strings.HasSuffix(out, "It starts with the next restart.\n") || b.restarts != 0 {
		t.Errorf("%v:\n%s", err, out)
	}
	b = flashed(t)
	b.update(nil)
	if _, err := b.run(t.Context(), "-", strings.NewReader(text[:len(text)-1]), nil); err == nil || !strings.Contains(err.Error(), "signed by an unknown key") {
		t.Errorf("another box's update: %v", err)
	}
	text = b.read("home/new.update")
	_, err = b.run(t.Context(), "-", strings.NewReader(text[:len(text)-1]), nil)
	const says = "the update file is cut short: 36004 of 36005 bytes are there\nhint: load it again\nhint: nothing is lost: 1.0 in slot A stays the system that starts"
	if err == nil || err.Error() != says {
		t.Errorf("a broken download: %v", err)
	}
	b.untouched("a broken download")
}

func TestUpdateRefuses(t *testing.T) {
	verdict := func(v router.Verdict) func(*box) {
		return func(b *box) { b.snapshot.Verdict, b.snapshot.Sentence = v, "As it is." }
	}
	older := func(m *bundle.Manifest) { m.Created = builtOld.Add(-time.Second) }
	for name, c := range map[string]struct {
		change   func(*box)
		manifest func(*bundle.Manifest)
		says     string
		force    bool // --force does it
	}{
		"on the backup line": {verdict(router.VerdictBackup), nil, "the house is on its backup line: As it is.\nhint: ", true},
		"offline":            {verdict(router.VerdictOffline), nil, "the house is offline: As it is.\nhint: ", true},
		"just started":       {verdict(router.VerdictUnknown), nil, "how the house is served is not known yet: As it is.\nhint: ", true},
		"no daemon":          {func(b *box) { b.snapshot = nil }, nil, "no daemon answers\nhint: whether the house is well served is not known", true},
		"to be confirmed": {func(b *box) { b.snapshot.Pending = &router.PendingView{} }, nil,
			"a configuration waits for its confirmation, and a restart would drop it\nhint: say \"twinpath confirm\"", false},
		"older": {nil, older, "the update, 2.0 of 2026-10-31, is older than the running 1.0 of 2026-11-01\nhint: --force", true},
		"another board": {nil, func(m *bundle.Manifest) { m.Board, m.Arch = "pi", "arm64" },
			"the update is for another board: it is for pi-arm64, this is pc-amd64", false},
		"foreign key": {func(b *box) { b.key = ed25519.NewKeyFromSeed(make([]byte, 32)) }, nil, "signed by an unknown key", false},
		"on trial": {func(b *box) {
			b.write("proc/cmdline", "twinpath.slot=a twinpath.mode=trial")
			b.env("slot=b\ntry=\nleft=3\n")
		}, nil, "the running system is itself on trial\nhint: ", false},
		"no settings":   {func(b *box) { b.write("run/twinpath-image/data-lost", "") }, nil, "could not be read at the last start", false},
		"not in a slot": {func(b *box) { b.write("dev/sda3", "hsqs") }, nil, "sda3 has 4 bytes, not 65536", false},
	} {
		b := flashed(t)
		if c.change != nil {
			c.change(b)
		}
		file := b.update(c.manifest)
		_, err := b.run(t.Context(), file, nil, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
		if name != "not in a slot" && name != "on trial" {
			b.untouched(name)
		}
		if _, err = b.run(t.Context(), file, nil, func(u *updater) { u.force = true }); (err == nil) != c.force {
			t.Errorf("%s: with --force: %v", name, err)
		}
	}
}

// TestUpdateOfALoneBox: without lines there is no backup line to be on.
func TestUpdateOfALoneBox(t *testing.T) {
	b := flashed(t)
	b.snapshot.Verdict, b.snapshot.WANs = router.VerdictUnknown, nil
	if _, err := b.run(t.Context(), b.update(nil), nil, nil); err != nil {
		t.Error(err)
	}
	if p, _, _ := b.find().book.Pending(); p.Online {
		t.Error("the new system would have to bring it online")
	}
}

func TestUpdateInterrupted(t *testing.T) {
	b := flashed(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, sender := io.Pipe() // a download that hangs
	defer sender.Close()
	b.update(nil)
	begin := b.read("home/new.update")[:1000]
	go func() {
		_, _ = io.WriteString(sender, begin)
		cancel()
	}()
	_, err := b.run(ctx, "-", in, nil)
	if err == nil || err.Error() != "interrupted\nhint: nothing is lost: 1.0 in slot A stays the system that starts" {
		t.Errorf("%v", err)
	}
	b.untouched("interrupted")
}

func TestUpdateTwiceAtOnce(t *testing.T) {
	b := flashed(t)
	claim, err := b.find().book.Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	if _, err := b.run(t.Context(), b.update(nil), nil, nil); !errors.Is(err, slot.ErrBusy) {
		t.Errorf("%v", err)
	}
}

func TestSlots(t *testing.T) {
	b := flashed(t)
	for name, c := range map[string]struct {
		change func()
		want   string
	}{
		"flashed": {func() {}, "A     1.0      running, committed\nB     none     empty\n"},
		"foreign": {func() { b.write("dev/sda3", "x"+string(make([]byte, boxSlot-1))) }, "B     unknown  no update of this router wrote it\n"},
		"fallback": {func() { b.write("proc/cmdline", "twinpath.slot=b twinpath.mode=fallback") },
			"A     unknown  committed, but it did not start or did not become healthy\nB     1.0      running instead of the other one\n"},
		"trial":   {func() { b.write("proc/cmdline", "twinpath.slot=b twinpath.mode=trial") }, "B     1.0      running on trial\n"},
		"damaged": {func() { b.write("boot/loader/twinpath/grubenv", string(make([]byte, 1024))) }, "the boot loader's environment is damaged\nIt is written anew"},
		"result": {func() { b.write("data/system/last.json", `{"sentence":"The update to 2.0 did not start."}`) },
			"  The update to 2.0 did not start.\n"},
	} {
		b = flashed(t)
		c.change()
		if got := b.show(); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestUpdateOutsideAnImage(t *testing.T) {
	for _, args := range [][]string{{"update"}, {"update", "x.update"}, {"trial"}} {
		if got := play(t.Context(), args...); got.status != 1 || !strings.Contains(got.err, "does not run from a Twinpath image\nhint: where Twinpath is a package") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := play(t.Context(), "update", "a", "b"); got.status != 2 || !strings.Contains(got.err, `"b" is too much`) {
		t.Errorf("%+v", got)
	}
}
