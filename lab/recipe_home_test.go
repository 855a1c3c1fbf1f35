package lab

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// phrase is what the recipe has in the place of a key.
const phrase, randomKey = "openssl rand -hex 32", "6b0d1c3ac2f94a58b1e07d5c9a3f4e8271605948372615041f2e3d4c5b6a7988"

// TestRecipeKeyIsRefused: who copies the recipe without making a key is told so.
func TestRecipeKeyIsRefused(t *testing.T) {
	t.Parallel()
	one, _ := recipe(t, "A home pair")
	out, err := exec.Command(built(t), "check", file(t, one)).CombinedOutput()
	if err == nil || strings.Count(string(out), "hint:") != 1 || !strings.Contains(string(out), "auth.key") {
		t.Errorf("check: %v, %s", err, out)
	}
}

// homePair is the recipe of a home pair with the lab's addresses: the other box has another line and other targets.
func homePair(tb testing.TB, pairs ...string) *show {
	tb.Helper()
	p := build(tb, houseHome())
	p.chatter(tb)
	s := p.show(tb, "192.168.1.1", "fe80::1")
	one, other := recipe(tb, "A home pair")
	pairs = append(pairs, phrase, randomKey)
	one = substitute(tb, one, append(pairs, "208.67.222.222", mainTargets[3])...)
	other = substitute(tb, other, append(pairs, "fibre", "lte",
		"1.1.1.1", backupTargets[0], "8.8.8.8", backupTargets[1], "9.9.9.9", backupTargets[2], "208.67.222.222", backupTargets[3])...)
	begin(tb, p.backup, other)
	begin(tb, p.main, one)
	s.on("main", "192.168.1.1", "fe80::1")
	p.saying(tb, 100)
	p.carried(tb, "fibre")
	return s
}

func TestRecipeHomePair(t *testing.T) {
	t.Parallel()
	s := homePair(t)
	for lost, target := range mainTargets[:2] {
		must(t, s.KillTarget(target))
		s.saying(t, 100-20*(lost+1))
	}
	mark := time.Now()
	must(t, pause(t.Context(), hours))
	s.still(mark, "192.168.1.1", "fe80::1")
	s.carried(t, "fibre")

	mark = time.Now()
	must(t, s.KillTarget(mainTargets[2]))
	s.on("backup", "192.168.1.1", "fe80::1")
	await(t, s.main, "the priority is 1", func(st Status) bool { return len(st.VRRP) == 2 && st.VRRP[0].Priority == 1 })
	s.took("the third dead target", mark, "backup", "192.168.1.1")
	s.seamless(mark, "192.168.1.1", "fe80::1")
	s.carried(t, "lte")

	// A box that has just booted has not proven its line: with the targets still dead it takes nothing.
	must(t, s.PowerOff("main"))
	must(t, s.PowerOn("main"))
	must(t, s.main.Restart(t.Context()))
	settles(t, s.main, "backup", "backup")
	mark = time.Now()
	must(t, pause(t.Context(), hours))
	s.still(mark, "192.168.1.1", "fe80::1")
	for _, target := range mainTargets[:3] {
		must(t, s.ReviveTarget(target))
	}
	mark = time.Now()
	s.on("main", "192.168.1.1", "fe80::1")
	s.took("the line is back", mark, "main", "192.168.1.1")
	s.seamless(mark, "192.168.1.1", "fe80::1")
	s.carried(t, "fibre")
}

// TestRecipeBrokenActive is what "Staying where it is" says: preempt = false does not protect a broken Active, and the
// house stays where it went.
func TestRecipeBrokenActive(t *testing.T) {
	t.Parallel()
	s := homePair(t, "id        = 51", "id = 51\npreempt = false")
	mark := time.Now()
	must(t, s.Blackhole("fibre", Beyond))
	s.on("backup", "192.168.1.1", "fe80::1")
	s.took("a lost line", mark, "backup", "192.168.1.1")
	s.carried(t, "lte")
	must(t, s.Heal("fibre"))
	await(t, s.main, "the line is back", func(st Status) bool { return len(st.VRRP) == 2 && st.VRRP[0].Priority == 100 })
	mark = time.Now()
	must(t, pause(t.Context(), hours))
	s.still(mark, "192.168.1.1", "fe80::1")
}
