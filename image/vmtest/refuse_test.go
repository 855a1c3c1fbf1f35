package vmtest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
)

// refusedFiles are update files that must not get in, and what is said of them.
var refusedFiles = []struct {
	name   string
	change func(*bundle.Manifest)
	known  bool
	spoil  func([]byte) []byte
	want   string
}{
	{"stranger", nothing, false, asIs, "signed by an unknown key"},
	{"retold", nothing, true, func(b []byte) []byte { return []byte(strings.Replace(string(b), "9.9.9", "9.9.8", 1)) }, "or its first lines were changed"},
	{"damaged", nothing, true, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, "the update file is damaged"},
	{"short", nothing, true, func(b []byte) []byte { return b[:len(b)-1] }, "the update file is cut short: 1048575 of 1048576 bytes are there"},
	{"board", func(m *bundle.Manifest) { m.Board = "pi" }, true, asIs, "the update is for another board: it is for pi-amd64, this is pc-amd64"},
	{"arch", func(m *bundle.Manifest) { m.Arch = "arm64" }, true, asIs, "it is for pc-arm64, this is pc-amd64"},
	{"older", func(m *bundle.Manifest) { m.Created = time.Date(2020, 2, 2, 0, 0, 0, 0, time.UTC) }, true, asIs,
		"the update, 9.9.9 of 2020-02-02, is older than the running 0.1.0 of "},
}

func nothing(*bundle.Manifest) {}
func asIs(text []byte) []byte  { return text }

// refused makes the files for a stick.
func refused(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, r := range refusedFiles {
		files[r.name] = bundled(t, r.change, r.known, r.spoil)
	}
	rubbish := t.TempDir() + "/rubbish"
	if err := os.WriteFile(rubbish, []byte("this is a letter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files["rubbish"] = rubbish
	return files
}

// refuse says that a command is refused with these words, and that the running system stays the one that starts.
func (h *house) refuse(t *testing.T, command, want string) {
	t.Helper()
	out, err := h.Guest.Run(t.Context(), command)
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("%s: %q (%v), want %q", command, out, err, want)
	}
	if env := h.must(t, "cat "+environment); !strings.Contains(env, "\nslot=a\ntry=\n") {
		t.Fatalf("after %s the boot loader has %q", command, env)
	}
}

func (h *house) refusals(t *testing.T) {
	for _, r := range refusedFiles {
		h.refuse(t, "twinpath update "+stickDir+"/"+r.name, r.want)
	}
	h.refuse(t, "twinpath update - <"+stickDir+"/damaged", "the update file is damaged")
	h.refuse(t, "twinpath update "+stickDir+"/rubbish", "not a Twinpath update file")
	h.refuse(t, "twinpath update "+stickDir+"/nowhere", "no such file")
	h.slots(t, "A 0.1.0 running, committed", "B none empty")
	h.refusedForWantOfRoom(t)
	h.refusedOnBackup(t)
	h.refusedOffline(t)
	h.refusedBesideAnother(t)
	if left := h.must(t, "ls -A /data/system/incoming 2>/dev/null || true"); left != "" {
		t.Errorf("an update that was refused has left %q", left)
	}
}

func (h *house) refusedForWantOfRoom(t *testing.T) {
	t.Helper()
	h.must(t, "free=$(($(stat -f -c '%a * %S / 1048576' /data))) && fallocate -l $((free - 50))M /data/filler")
	h.refuse(t, "cat "+stickDir+"/next.update | twinpath update -", "no room to receive the update")
	h.must(t, "rm /data/filler")
}

func (h *house) refusedOnBackup(t *testing.T) {
	t.Helper()
	if err := h.Cut("main", "fibre"); err != nil {
		t.Fatal(err)
	}
	h.routing(t, "lte")
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"backup"'`)
	h.refuse(t, "twinpath update "+stickDir+"/next.update", "the house is on its backup line")
}

// refusedOffline begins on the backup line and ends with all well.
func (h *house) refusedOffline(t *testing.T) {
	t.Helper()
	if err := h.Cut("main", "lte"); err != nil {
		t.Fatal(err)
	}
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"offline"'`)
	h.refuse(t, "twinpath update "+stickDir+"/next.update", "the house is offline")
	for _, line := range []string{"fibre", "lte"} {
		if err := h.Plug("main", line); err != nil {
			t.Fatal(err)
		}
	}
	h.routing(t, "fibre")
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"ok"'`)
}

// refusedBesideAnother begins a second update while the first one still waits for the rest of its file.
func (h *house) refusedBesideAnother(t *testing.T) {
	t.Helper()
	h.background(t, "slow", fmt.Sprintf("(head -c 2000000 %s/next.update; while [ ! -e /run/slow.end ]; do sleep 0.1; done) | twinpath update -", stickDir))
	h.await(t, "grep -q receiving /run/slow.log")
	h.refuse(t, "twinpath update "+stickDir+"/next.update", "another update is under way")
	h.must(t, "touch /run/slow.end")
	h.await(t, "grep -q '^status 1' /run/slow.log")
	if log := h.must(t, "cat /run/slow.log"); !strings.Contains(log, "cut short") || !strings.Contains(log, "nothing is lost: 0.1.0 in slot A stays the system that starts") {
		t.Errorf("the first update says %q", log)
	}
}

func (h *house) killedInTheMiddle(t *testing.T) {
	h.background(t, "killed", "exec twinpath update "+stickDir+"/next.update")
	h.await(t, "grep -q writing /run/killed.log && test $(head -c 4096 /dev/vda3 | tr -d '\\0' | wc -c) = 0")
	h.must(t, "kill -9 $(cat /run/killed.pid)")
	h.slots(t, "A 0.1.0 running, committed", "B none an update to 0.2.0 was interrupted")
	if env := h.must(t, "cat "+environment); !strings.Contains(env, "\nslot=a\ntry=\n") {
		t.Fatalf("the boot loader has %q", env)
	}
}
