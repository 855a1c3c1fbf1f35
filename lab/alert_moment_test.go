package lab

import (
	"strings"
	"testing"
	"time"
)

// TestMomentsAreTold has what needs somebody's attention happen while no line is in trouble.
func TestMomentsAreTold(t *testing.T) {
	t.Parallel()
	h, b, inbox := tellingHome(t, quick()+PageConfig+alerting)
	sleepUntil(time.Now().Add(2 * alertWait))
	if out, done := call(t, b, "apply", "--confirm", "5s", file(t, quick()+PageConfig+alerting+"\n# another\n")); !done {
		t.Fatalf("apply: %s", out)
	}
	undone := notices(t, inbox, 1)[0]
	if undone.Fields["cause"] != "undone" || !strings.Contains(undone.Text, "Nobody confirmed the new configuration in time") {
		t.Errorf("%s %v", undone, undone.Fields)
	}
	d := h.Devices[0]
	eventually(t, "the page answers", func() bool { return pageAt(d, gatewayPage) })
	for range 8 { // three of them before they may
		_, err := d.Run("curl -s -m 5 -o /dev/null -d password=letmein-4711 " + gatewayPage + "/login")
		must(t, err)
	}
	guess := notices(t, inbox, 2)[1]
	if guess.Fields["cause"] != "login" || !strings.Contains(guess.Text, "Somebody at 192.168.1.100 guesses the password") {
		t.Errorf("%s %v", guess, guess.Fields)
	}
	onlyThose(t, inbox, 2)
	must(t, b.Kill())
	must(t, b.Restart(t.Context()))
	killed := notices(t, inbox, 3)[2]
	if killed.Fields["cause"] != "restart" {
		t.Errorf("%s %v", killed, killed.Fields)
	}
	onlyThose(t, inbox, 3)
	discreet(t, b, inboxSecret, "letmein-4711")
	t.Logf("\n%s\n%s\n%s", undone, guess, killed)
}
