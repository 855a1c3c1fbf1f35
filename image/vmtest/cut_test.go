package vmtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// Variables of TestPowerCuts: how many cuts, and which ones.
const (
	cutsVariable = "TWINPATH_CUTS"
	seedVariable = "TWINPATH_CUTS_SEED"
)

// A full run ("make image-test") has every moment four times or more; "make test" has each once.
const (
	fullCuts  = 24
	usualCuts = 5
)

// number reads a variable.
func number(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// thorough reports whether a full run is wanted.
func thorough() bool { return number(cutsVariable, usualCuts) >= fullCuts }

// The power fails at random moments, and each time the router comes back with the old or the new state. The disk forgets
// what it was not told to keep (vm.Cache).
func TestPowerCuts(t *testing.T) {
	only(t, vm.AMD64)
	t.Parallel() // an emulated processor keeps one of the machine's busy
	cuts := number(cutsVariable, usualCuts)
	seed := number(seedVariable, int(time.Now().UnixNano()%1_000_000))
	t.Logf("%d cuts, %s=%d", cuts, seedVariable, seed)
	c := newCutter(t, uint64(seed))
	began := time.Now()
	c.on(t)
	c.boot = time.Since(began)
	c.settled(t)
	if cache := c.must(t, "cat /sys/block/vda/queue/write_cache"); cache != "write back\n" {
		t.Fatalf("to the guest its disk is %q: it would not have to flush", cache)
	}
	moments := []moment{{"boot", c.duringBoot}, {"apply", c.duringApply}, {"write", c.duringWrite}, {"armed", c.whenArmed}, {"trial", c.duringTrial}}
	for n := range cuts {
		m := moments[n%len(moments)]
		if !t.Run(fmt.Sprintf("%02d %s", n, m.name), func(t *testing.T) { c.once(t, m) }) {
			break
		}
	}
	t.Logf("landed: %v; sectors that were written and not flushed: %d kept, %d lost; %d flushes", c.landed, c.kept, c.lost, c.cache.Flushes())
	if cuts >= len(moments) && c.kept+c.lost == 0 {
		t.Error("every write was flushed at each of the cuts: they were none")
	}
	c.end(t)
}

type moment struct {
	name string
	cut  func(t *testing.T) // returns when the power is to fail
}

// cutter is a house whose power fails.
type cutter struct {
	*house
	chance *rand.Rand
	top    *testing.T // the guests live as long as it
	cache  *vm.Cache
	boot   time.Duration // of an undisturbed one, until the agent speaks

	versions map[string]string // what a slot may start: by its letter
	slot     string            // the committed one before the cut
	target   string            // version that an update was bringing to the other one; empty: none
	configs  []string          // the texts that may be in force
	update   time.Duration     // how long writing one takes; 0: not known yet

	landed     map[string]int // "update old" → how often
	kept, lost int
}

func newCutter(t *testing.T, seed uint64) *cutter {
	t.Helper()
	h := newHouse(t, named(t, "pc"), vm.BIOS)
	c := &cutter{house: h, top: t, chance: rand.New(rand.NewPCG(seed, 0)), slot: "a",
		versions: map[string]string{"a": "0.1.0"}, landed: map[string]int{}}
	c.configs = []string{c.variant("one"), c.variant("two")}
	h.putCard(t, "twinpath.toml", []byte(c.configs[0]))
	var err error
	if c.cache, err = vm.NewCache(h.Disk); err != nil {
		t.Fatal(err)
	}
	h.machine.Disks[0] = vm.Disk{Cache: c.cache}
	h.machine.Disks = append(h.machine.Disks, stick(t, map[string]string{
		"0.1.0.update": named(t, "pc").update(), "0.2.0.update": named(t, "next").update(), "one.toml": c.file(t, 0), "two.toml": c.file(t, 1)}))
	return c
}

// variant is a configuration with a name of its own and a door of its own in the firewall.
func (c *cutter) variant(name string) string {
	port := map[string]int{"one": 1111, "two": 2222}[name]
	return strings.Replace(c.config(), `"main"`, fmt.Sprintf("%q", name), 1) +
		fmt.Sprintf("\n[[firewall.forward]]\nproto = \"tcp\"\nport = %d\nto = \"192.168.1.100\"\n", port)
}

func (c *cutter) file(t *testing.T, number int) string {
	t.Helper()
	name := t.TempDir() + "/config"
	if err := os.WriteFile(name, []byte(c.configs[number]), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// once has the power fail in one moment, and looks at what comes of it.
func (c *cutter) once(t *testing.T, m moment) {
	c.target = ""
	m.cut(t)
	c.Guest.Kill()
	kept, lost, err := c.cache.Cut(c.chance)
	if err != nil {
		t.Fatal(err)
	}
	c.kept, c.lost = c.kept+kept, c.lost+lost
	c.off()
	c.on(c.top)
	state := c.settled(t)
	c.landed[m.name+" "+state]++
	t.Logf("%s; %d sectors that were not flushed kept, %d lost", state, kept, lost)
}

// settled waits until the router runs, checks that all of it is old or all of it new, and says which.
func (c *cutter) settled(t *testing.T) string {
	t.Helper()
	c.plug(t)
	c.await(t, "systemctl is-active -q twinpath twinpath-console && twinpath status >/dev/null")
	slot := "a"
	if strings.Contains(c.must(t, "cat /proc/cmdline"), "twinpath.slot=b") {
		slot = "b"
	}
	state := "old"
	if slot != c.slot {
		if c.target == "" {
			t.Fatalf("slot %s runs, and no update was under way\n%s", slot, c.state())
		}
		state, c.versions[slot], c.slot = "new", c.target, slot
	}
	c.committed(t, slot)
	if got := c.must(t, "cat /usr/share/twinpath/image.json"); !strings.Contains(got, fmt.Sprintf("%q", c.versions[slot])) {
		t.Fatalf("slot %s has %s, want %s\n%s", slot, got, c.versions[slot], c.state())
	}
	name := c.configured(t)
	if c.target == "" {
		state = name
	}
	c.whole(t)
	c.routing(t, "fibre")
	return state
}

// configured returns which configuration is in force, as the file, in the daemon and in the kernel.
func (c *cutter) configured(t *testing.T) string {
	t.Helper()
	text := c.must(t, "cat /etc/twinpath/twinpath.toml")
	for n, name := range []string{"one", "two"} {
		if text != c.configs[n] {
			continue
		}
		c.await(t, fmt.Sprintf(`twinpath status --json | grep -Eq '"router": ?"%s"'`, name))
		want, other := []string{"1111", "2222"}[n], []string{"2222", "1111"}[n]
		if rules := c.must(t, "nft list ruleset"); !strings.Contains(rules, want) || strings.Contains(rules, other) {
			t.Errorf("configuration %s is in force, and not in the kernel:\n%s", name, rules)
		}
		return name
	}
	t.Fatalf("the configuration is none of the two:\n%s\n%s", text, c.state())
	return ""
}

// whole checks that no service failed and that the data partition needed its journal at most.
func (c *cutter) whole(t *testing.T) {
	t.Helper()
	if failed := c.must(t, "systemctl --failed --no-legend"); failed != "" {
		t.Errorf("failed: %s\n%s", failed, c.state())
	}
	if check := c.must(t, "cat /run/twinpath-image/fsck; ls /run/twinpath-image"); strings.Contains(check, "UNEXPECTED") ||
		strings.Contains(check, "FIXED") || strings.Contains(check, "data-lost") {
		t.Errorf("the data partition was damaged: %s", check)
	}
	if restored := c.must(t, "cat /run/twinpath-image/restored 2>/dev/null || true"); restored != "" {
		t.Errorf("an older configuration had to be taken: %s", restored)
	}
}

// nap waits for a random time.
func (c *cutter) nap(t *testing.T, most time.Duration) {
	t.Helper()
	d := time.Duration(c.chance.Float64() * float64(most))
	t.Logf("cut after %s of %s", d.Round(time.Millisecond), most.Round(time.Millisecond))
	time.Sleep(d)
}

// duringBoot cuts a boot of its own, until 5 s after an undisturbed one was up.
func (c *cutter) duringBoot(t *testing.T) {
	c.off()
	if _, _, err := c.cache.Cut(c.chance); err != nil {
		t.Fatal(err)
	}
	g, err := c.machine.Start(c.top.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Guest = g
	c.nap(t, c.boot+5*time.Second)
}

// litter has somebody write beside, who never flushes.
func (c *cutter) litter(t *testing.T) {
	t.Helper()
	c.background(t, "litter", "while dd if=/dev/urandom of=/data/litter bs=64k count=16 oflag=direct conv=notrunc; do :; done")
}

func (c *cutter) duringApply(t *testing.T) {
	c.litter(t)
	c.background(t, "apply", fmt.Sprintf("while twinpath apply %s/two.toml && twinpath apply %s/one.toml; do :; done", stickDir, stickDir))
	c.await(t, "ls /var/lib/twinpath/configs | grep -q .") // it is about to write
	c.nap(t, 4*time.Second)
	if log := c.must(t, "cat /run/apply.log"); strings.Contains(log, "status") {
		t.Errorf("the loop ended: %s", log)
	}
}

// begin starts an update to the version that does not run. The house may still be offline: it is forced.
func (c *cutter) begin(t *testing.T) (next int) {
	t.Helper()
	c.target = "0.2.0"
	if c.versions[c.slot] == "0.2.0" {
		c.target = "0.1.0"
	}
	next = len(c.Guest.Boots())
	c.background(t, "update", fmt.Sprintf("twinpath update --force %s/%s.update", stickDir, c.target))
	return next
}

const usualUpdate = 20 * time.Second // to begin with; later it is what the last one took

func (c *cutter) duringWrite(t *testing.T) {
	c.litter(t)
	c.begin(t)
	c.nap(t, max(c.update, usualUpdate))
}

// armedAfter waits until an update has told the boot loader.
func (c *cutter) armedAfter(t *testing.T, began time.Time) {
	t.Helper()
	for {
		env, err := c.Guest.Run(t.Context(), "cat "+environment)
		if err != nil || strings.Contains(env, "try=a\n") || strings.Contains(env, "try=b\n") {
			break // or it restarts already
		}
		if time.Since(began) > patience {
			t.Fatalf("the update is not ready\n%s", c.state())
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.update = time.Since(began)
}

func (c *cutter) whenArmed(t *testing.T) {
	began := time.Now()
	c.begin(t)
	c.armedAfter(t, began)
	c.nap(t, 2*time.Second)
}

func (c *cutter) duringTrial(t *testing.T) {
	began, mark := time.Now(), c.Guest.Console.Lines()
	c.begin(t)
	c.armedAfter(t, began)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := c.Guest.Console.Await(ctx, mark, ", trial"); err != nil {
		t.Fatalf("%v\n%s", err, c.state())
	}
	c.nap(t, c.boot+15*time.Second) // some are committed by then
}

// end switches the machine off in good order and looks at its disk.
func (c *cutter) end(t *testing.T) {
	if t.Failed() {
		c.off()
		_ = c.cache.Close() // the test has failed already
		return
	}
	if err := c.Guest.PowerOff(t.Context()); err != nil {
		t.Error(err)
	}
	c.off()
	if err := c.cache.Close(); err != nil {
		t.Error(err)
	}
	start := strings.TrimSpace(partition(t, c.Disk, 4))
	out, err := exec.Command("/sbin/e2fsck", "-fn", c.Disk+"?offset="+start).CombinedOutput()
	if err != nil {
		t.Errorf("e2fsck: %v: %s", err, out)
	}
}

// partition is where a partition begins, in bytes.
func partition(t *testing.T, disk string, number int) string {
	t.Helper()
	out, err := exec.Command("/sbin/sfdisk", "-d", disk).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if rest, found := strings.CutPrefix(line, disk+strconv.Itoa(number)+" : start="); found {
			sectors, err := strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, ",", 2)[0]), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return strconv.FormatInt(sectors*512, 10)
		}
	}
	t.Fatalf("%s has no partition %d", disk, number)
	return ""
}
