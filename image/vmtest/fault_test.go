package vmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// Everything that goes wrong with a router's disk, card and clock: it routes, and it says what is wrong.
func TestFaults(t *testing.T) {
	only(t, vm.AMD64)
	t.Parallel() // an emulated processor keeps one of the machine's busy
	f := newFaulty(t)
	f.on(t)
	f.routing(t, "fibre")
	for _, s := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"SSH lets in the card's key and nothing else", f.ssh},
		{"a full data partition", f.fullData},
		{"a damaged configuration", f.damagedConfig},
	} {
		t.Run(s.name, s.do)
	}

	f.rot(t)
	f.off()
	f.spoil(t)
	f.on(t)
	f.routing(t, "fibre")
	t.Run("a rotten configuration is mended at the start", f.mended)
	t.Run("a clock of 1970", f.clock)
	t.Run("no boot loader environment", func(t *testing.T) { f.runs(t, "a", "normal", "0.1.0"); f.committed(t, "a") })
	t.Run("a bad file on a full card", f.badFile)

	f.off()
	t.Run("the letter on the card", f.letter)
	f.putCard(t, "twinpath.toml", []byte(f.configs["three"]))
	f.putCard(t, "factory-reset", nil)
	f.machine.Clock = time.Time{}
	f.on(t)
	f.routing(t, "fibre")
	t.Run("factory reset by the card", f.reset)

	f.off()
	f.destroyData(t)
	f.on(t)
	f.routing(t, "fibre")
	t.Run("a destroyed data partition", f.dataLost)
}

// faulty is a house with a key on its router's card.
type faulty struct {
	*house
	keys    string            // directory with two key pairs: good, the card's, and bad
	configs map[string]string // by their router's name
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{house: newHouse(t, named(t, "pc"), vm.BIOS), keys: t.TempDir(), configs: map[string]string{}}
	for _, name := range []string{"one", "two", "three"} {
		f.configs[name] = strings.Replace(f.config(), `"main"`, fmt.Sprintf("%q", name), 1)
	}
	for _, name := range []string{"good", "bad"} {
		call(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", filepath.Join(f.keys, name))
	}
	key, err := os.ReadFile(filepath.Join(f.keys, "good.pub"))
	if err != nil {
		t.Fatal(err)
	}
	f.putCard(t, "twinpath.toml", []byte(f.configs["one"]))
	f.putCard(t, "Authorized_Keys.txt", append([]byte("\ufeff"), strings.ReplaceAll(string(key), "\n", "\r\n")...)) // of Windows' editor
	return f
}

// uses waits until the daemon runs with a configuration.
func (f *faulty) uses(t *testing.T, name string) {
	t.Helper()
	f.await(t, fmt.Sprintf(`twinpath status --json | grep -Eq '"router": ?"%s"'`, name))
	if got := f.must(t, "cat /etc/twinpath/twinpath.toml"); got != f.configs[name] {
		t.Errorf("%s runs, and the boot file is another one:\n%s", name, got)
	}
}

func (f *faulty) login(key, options string) (string, error) {
	return f.Device.Run("ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR" +
		" -o IdentitiesOnly=yes -o ConnectTimeout=30 -i " + filepath.Join(f.keys, key) + " " + options + " root@192.168.1.1 hostname")
}

func (f *faulty) ssh(t *testing.T) {
	f.await(t, "systemctl is-active -q twinpath-ssh")
	if out, err := f.login("good", ""); err != nil || strings.TrimSpace(out) != "one" {
		t.Errorf("by the card's key: %q (%v), want the router's name", out, err)
	}
	for key, options := range map[string]string{"bad": "", "good": "-o PubkeyAuthentication=no"} {
		if out, err := f.login(key, options); err == nil || !strings.Contains(out, "Permission denied (publickey)") {
			t.Errorf("key %s %s: %q (%v), want that nothing but a key is asked for, and this one refused", key, options, out, err)
		}
	}
}

func (f *faulty) fullData(t *testing.T) {
	for _, name := range []string{"two", "three"} {
		if err := f.Guest.Put(t.Context(), "/run/"+name+".toml", []byte(f.configs[name])); err != nil {
			t.Fatal(err)
		}
	}
	f.must(t, "for size in 1M 4k 512; do dd if=/dev/zero of=/data/filler bs=$size oflag=append conv=notrunc,fsync 2>/dev/null || true; done")
	out, err := f.Guest.Run(t.Context(), "twinpath apply /run/two.toml")
	if err == nil || !strings.Contains(out, "no space left on device") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("apply on a full disk: %q (%v), want that nothing was changed", out, err)
	}
	f.uses(t, "one")
	f.routing(t, "fibre")
	f.must(t, "systemctl restart twinpath") // it starts with a full disk, too
	f.uses(t, "one")
	f.routing(t, "fibre")
	f.must(t, "rm /data/filler && twinpath apply /run/two.toml")
	f.uses(t, "two")
	if left := f.must(t, "ls -A /etc/twinpath"); left != "twinpath.toml\n" {
		t.Errorf("beside the configuration there is %q", left)
	}
}

// damagedConfig harms the file and has everything that looks at it at a start start again.
func (f *faulty) damagedConfig(t *testing.T) {
	const boot = "/etc/twinpath/twinpath.toml"
	for _, harm := range []struct{ name, command, said string }{
		{"cut short", "head -c 20 " + boot + " >/run/short && cat /run/short >" + boot, "could not be used"},
		{"empty", ": >" + boot, "was empty"},
		{"rubbish", "head -c 3000 /dev/urandom >" + boot, "could not be used"},
		{"gone", "rm " + boot, "was gone"},
	} {
		f.must(t, "systemctl stop twinpath && "+harm.command+" && sync")
		f.must(t, "systemctl restart twinpath-prepare twinpath")
		f.uses(t, "two")
		if said := f.must(t, "cat /run/twinpath-image/restored; rm /run/twinpath-image/restored"); !strings.Contains(said, harm.said) {
			t.Errorf("%s: it says %q, want %q", harm.name, said, harm.said)
		}
	}
	f.routing(t, "fibre")
}

// rot flips a bit and leaves the file's time: a comment's, so that the file stays one that could be used.
func (f *faulty) rot(t *testing.T) {
	t.Helper()
	f.must(t, `cd /etc/twinpath && touch -r twinpath.toml /run/when && sed -i 's/"two"/"twn"/' twinpath.toml && touch -r /run/when twinpath.toml && sync`)
}

// spoil harms what the owner and the boot loader have while the machine is off.
func (f *faulty) spoil(t *testing.T) {
	t.Helper()
	f.putLoader(t, "twinpath/grubenv", make([]byte, 1024))
	f.putCard(t, "twinpath.toml", []byte("[router]\nnaem = \"four\"\n"))
	f.putCard(t, "full", make([]byte, 4<<20))
	for n := 0; f.card().Put(fmt.Sprintf("full.%d", n), make([]byte, 64<<10)) == nil; n++ {
		if n > 1000 {
			t.Fatal("the card does not fill")
		}
	}
	f.machine.Clock = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
}

func (f *faulty) mended(t *testing.T) {
	f.uses(t, "two")
	if said := f.must(t, "cat /run/twinpath-image/restored"); !strings.Contains(said, "was damaged on the disk") {
		t.Errorf("it says %q", said)
	}
	f.shown(t, 0, "was damaged on the disk")
}

func (f *faulty) clock(t *testing.T) {
	f.must(t, "test $(date +%s) -ge $(stat -c %Y /data/system/timesync/clock)")
	f.must(t, "test $(date +%s) -ge $(stat -c %Y /usr/lib/clock-epoch)")
	t.Log("the clock says", strings.TrimSpace(f.must(t, "date")))
}

// badFile first has no room to be told of on the card itself.
func (f *faulty) badFile(t *testing.T) {
	problems := f.must(t, "cat /run/twinpath-image/problems")
	for _, want := range []string{"twinpath.toml:2", "naem", "twinpath-problems.txt could not be written to the card"} {
		if !strings.Contains(problems, want) {
			t.Errorf("it says %q, want %q", problems, want)
		}
	}
	f.shown(t, 0, "twinpath.toml:2")
	f.must(t, "mount -o remount,rw /boot/card && rm /boot/card/full* && mount -o remount,ro /boot/card")
	f.must(t, "systemctl restart twinpath-prepare")
	f.uses(t, "two")
}

func (f *faulty) letter(t *testing.T) {
	text, err := f.card().Get("twinpath-problems.txt")
	if err != nil || !strings.Contains(string(text), "twinpath.toml:2") || !strings.Contains(string(text), "naem") {
		t.Errorf("the card says %q (%v)", text, err)
	}
}

func (f *faulty) reset(t *testing.T) {
	f.uses(t, "three")
	if left := f.must(t, "ls /boot/card; ls /run/twinpath-image"); strings.Contains(left, "factory-reset") || strings.Contains(left, "problems") {
		t.Errorf("after the reset there is %q", left)
	}
	if kept := f.must(t, "grep -l one /var/lib/twinpath/configs/* || true; ls /data/system/machine-id 2>/dev/null || true"); kept != "" {
		t.Errorf("the owner of before is still known: %q", kept)
	}
	if out, err := f.login("good", ""); err != nil || strings.TrimSpace(out) != "three" {
		t.Errorf("by the card's key after the reset: %q (%v)", out, err)
	}
}

// destroyData removes the data partition's file system, as if nobody had ever written there.
func (f *faulty) destroyData(t *testing.T) {
	t.Helper()
	start := partition(t, f.Disk, 4)
	call(t, "fallocate", "--punch-hole", "--offset", start, "--length", fmt.Sprint(256<<20), f.Disk)
}

func (f *faulty) dataLost(t *testing.T) {
	f.uses(t, "three")
	f.must(t, "test -e /run/twinpath-image/data-lost")
	f.shown(t, 0, "The part of the disk that holds the settings cannot be used")
	for _, command := range []string{"twinpath update", "twinpath reset --yes"} {
		if out, err := f.Guest.Run(t.Context(), command); err == nil || !strings.Contains(out, "flash the image anew") {
			t.Errorf("%s: %q (%v)", command, out, err)
		}
	}
	if failed := f.must(t, "systemctl --failed --no-legend"); failed != "" {
		t.Errorf("failed: %s", failed)
	}
}
