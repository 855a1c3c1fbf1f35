package vmtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/image/vm"
)

// TestNewBox is a PC with nothing on its card: it is online, shows its page to the house, and gives itself to whoever reads its
// console.
func TestNewBox(t *testing.T) {
	only(t, vm.AMD64)
	h := newHouse(t, shipped(vm.AMD64), vm.UEFI)
	h.on(t)
	if _, err := h.Device.Run("ip addr add 192.168.77.50/24 dev eth0"); err != nil {
		t.Fatal(err)
	}
	page := func(line string) string {
		out, _ := h.Device.Run("curl -s -m 5 " + line)
		return out
	}
	await(t, "the page says that the house is online", func() bool {
		return strings.Contains(page("http://192.168.77.1/"), "Internet works")
	})
	code := strings.TrimSpace(h.must(t, "cat /run/twinpath-image/claim-code"))
	if card := h.must(t, "cat /boot/card/claim-code.txt"); !strings.HasPrefix(card, code+"\r\n") {
		t.Errorf("the card says %q, want %s", card, code)
	}
	await(t, "the console shows the code", func() bool { return strings.Contains(h.console.Tail(60), code) })
	if out := page("http://192.168.77.1/login"); !strings.Contains(out, "claim-code.txt") {
		t.Errorf("the page does not ask for the code:\n%s", out)
	}
	const login = "-o /dev/null -w %{http_code} -H Origin:http://192.168.77.1 http://192.168.77.1/login -d password="
	if got := page(login + "WRONG"); got != "401" {
		t.Errorf("a wrong code: %s", got)
	}
	if got := page(login + strings.ToLower(strings.ReplaceAll(code, "-", ""))); got != "303" {
		t.Errorf("the code as a person types it: %s", got)
	}
	status := h.must(t, `cat /proc/$(grep -lx twinpath-web /proc/[0-9]*/comm | cut -d/ -f3)/status; echo account: $(id -u twinpath-web)`)
	for _, want := range []string{`CapEff:\s+0+\n`, `CapPrm:\s+0+\n`, `NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`} {
		if !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("the page's process has not %s:\n%s", want, status)
		}
	}
	if out := h.must(t, "systemctl --failed --plain --no-legend"); out != "" {
		t.Errorf("failed units:\n%s", out)
	}
	out := h.must(t, "ss -H -lnt")
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); !strings.HasPrefix(fields[3], "192.168.77.1") && !strings.Contains(fields[3], "%br-lan") && !strings.HasPrefix(fields[3], "[fe80:") {
			t.Errorf("somebody listens at %s", line)
		}
	}
}
