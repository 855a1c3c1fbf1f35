package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// needsPPP skips a test where the kernel has no PPP; where it is known to have it, that is a failure.
func needsPPP(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	if err == nil {
		_ = f.Close()
		_, err = exec.LookPath("pppoe-server")
	}
	switch {
	case err == nil:
	case slices.Contains(strings.Split(os.Getenv("TWINPATH_NEEDS"), ","), "ppp"):
		t.Fatalf("this kernel is to have PPP: %v", err)
	default:
		t.Skipf("this kernel has no PPP (%v): image/vmtest runs it", err)
	}
}

// account is what the lab's provider knows of its customer. The password has what an options file has to quote.
var account = Login{User: "me@isp.example", Password: `sec"ret \#1`}

// dialHome is the default home whose fibre is dialled.
func dialHome(l Login) Home {
	h := Default()
	h.Tag = fmt.Sprintf("d%d-", tags.Add(1))
	h.ISPs[0].PPPoE = l
	return h
}

// dialling is quick with a fibre that is dialled, by an account and with more keys of the line.
func dialling(l Login, more string) string {
	return strings.Replace(quick(), `kind      = "dhcp"`,
		fmt.Sprintf("kind      = \"pppoe\"\npppoe     = { user = %q, password = %q }\n%s", l.User, l.Password, more), 1)
}

// dialled is a home whose fibre is up.
func dialled(t *testing.T, l Login) (*House, *Box, *Device) {
	t.Helper()
	needsPPP(t)
	t.Parallel()
	h, b, d := home(t, dialHome(l), dialling(l, ""))
	confess(t, h, b)
	awaitLong(t, b, "fibre carries", carriedBy("fibre"))
	awaitLong(t, b, "both lines are up", on("fibre"))
	return h, b, d
}

// confess has both ends' words logged when the test fails.
func confess(t *testing.T, h *House, b *Box) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, name := range []string{b.dir + "/pppoe-fibre.words", h.dir + "/fibre.ppp.log", h.dir + "/fibre.server.log"} {
			text, err := os.ReadFile(name)
			t.Logf("%s: %v\n%s", name, err, text[max(0, len(text)-4000):])
		}
	})
}

// awaitLong is await for a guest that is emulated, where much goes on at the same time.
func awaitLong(t *testing.T, b *Box, what string, wanted func(Status) bool) Status {
	t.Helper()
	var last Status
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * look) {
		s, err := b.Status(t.Context())
		if last = s; err == nil && wanted(s) {
			return s
		}
	}
	t.Fatalf("not within 90 s: %s: %+v", what, last)
	return last
}

// pppds are the ids of the box's sessions.
func pppds(t *testing.T, b *Box) []int {
	t.Helper()
	all, err := b.processes()
	must(t, err)
	return slices.DeleteFunc(all, func(pid int) bool { return programOf(pid) != "pppd" })
}

// says waits for an event with a phrase, and logs when it came.
func says(t *testing.T, b *Box, since time.Time, phrase string) router.Event {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * look) {
		for _, e := range history(t, b, since) {
			if strings.Contains(e.Sentence, phrase) {
				t.Logf("%6.1f s: %s", e.Time.Sub(since).Seconds(), e.Sentence)
				return e
			}
		}
	}
	t.Fatalf("no event says %q: %v", phrase, history(t, b, since))
	return router.Event{}
}

// TestPPPoE dials a line and has a client of the house use it; the session outlives the daemon, and nobody but pppd learns the
// password.
func TestPPPoE(t *testing.T) {
	h, b, d := dialled(t, account)
	s := awaitLong(t, b, "fibre has its size", func(s Status) bool { return s.line("fibre").MTU == 1492 })
	if w := s.line("fibre"); w.Device != "ppp-fibre" || !strings.HasPrefix(w.Address, "198.51.100.1") {
		t.Errorf("fibre has %+v", w)
	}
	awaitLine(t, h, d, "fibre")
	large(t, d)
	for _, pid := range pppds(t, b) {
		for _, name := range []string{"cmdline", "environ"} {
			if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)); strings.Contains(string(text), "ret") && strings.Contains(string(text), "#1") {
				t.Errorf("pppd's %s has the password: %q", name, text)
			}
		}
	}
	if out, err := b.Run("grep -rlF #1 " + b.dir + " --include=pppoe* --include=log"); err == nil {
		t.Errorf("the password is in %s", out)
	}
	if _, err := os.Stat("/run/ip-up-ran"); err == nil {
		t.Error("pppd ran /etc/ppp/ip-up")
	}
	if out, err := b.Run("ip -4 route show table main default"); err != nil || strings.Contains(out, "proto kernel") || !strings.Contains(out, "ppp-fibre") {
		t.Errorf("default route %q, %v", out, err)
	}

	before := pppds(t, b)
	must(t, b.Kill())
	awaitLine(t, h, d, "fibre")
	must(t, b.Restart(t.Context()))
	awaitLong(t, b, "fibre is up after a restart", on("fibre"))
	if now := pppds(t, b); len(before) != 1 || !slices.Equal(now, before) {
		t.Errorf("sessions %v, before the restart %v", now, before)
	}
	must(t, b.Stop())
	_, err := b.Call(t.Context(), "cleanup", "--state", b.State())
	must(t, err)
	if now := pppds(t, b); len(now) != 0 {
		t.Errorf("sessions after cleanup: %v", now)
	}
	eventually(t, "the provider has no session", func() bool { n, err := h.Sessions("fibre"); return err == nil && n == 0 })
}

// large has a client of the house send a megabyte to the Internet and get it back: packets of full size both ways.
func large(t *testing.T, d *Device) {
	t.Helper()
	const size = 1 << 20
	start := time.Now()
	conn, err := d.Dial(t.Context(), "tcp4", fmt.Sprintf("%s:%d", EchoAddress, echoPort))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(start.Add(30*time.Second)))
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, size))
		sent <- err
	}()
	n, err := io.CopyN(io.Discard, conn, size)
	if err = errors.Join(err, <-sent); err != nil {
		t.Errorf("%d bytes of a megabyte: %v", n, err)
	}
	t.Logf("a megabyte both ways in %s", time.Since(start).Round(time.Millisecond))
}

// TestPPPoEWrongPassword: the ISP is asked once, and again as soon as the password is another one.
func TestPPPoEWrongPassword(t *testing.T) {
	needsPPP(t)
	t.Parallel()
	wrong := account
	wrong.Password = "wrong"
	start := time.Now()
	h, b, d := home(t, dialHome(account), dialling(wrong, ""))
	e := says(t, b, start, "the ISP refuses the user name or the password")
	if e.Blame != router.BlameOwner {
		t.Errorf("%q blames %q", e.Sentence, e.Blame)
	}
	time.Sleep(15 * time.Second)
	if n := strings.Count(b.Log(), "no session"); n != 1 {
		t.Errorf("dialled %d times in a quarter of a minute", n)
	}
	must(t, os.WriteFile(b.Config(), []byte(dialling(account, "")), 0o600))
	start = time.Now()
	must(t, b.Reload())
	awaitLong(t, b, "fibre carries", carriedBy("fibre"))
	t.Logf("up %s after the right password", time.Since(start).Round(time.Millisecond))
	awaitLine(t, h, d, "fibre")
}

// TestPPPoEHungUp: the ISP ends the session, and the next one is dialled at once.
func TestPPPoEHungUp(t *testing.T) {
	login := account
	login.CHAP = true
	h, b, d := dialled(t, login)
	start := time.Now()
	must(t, h.HangUpAll("fibre"))
	says(t, b, start, "the ISP has ended the session")
	awaitLong(t, b, "fibre is up again", on("fibre"))
	t.Logf("up again after %s", time.Since(start).Round(time.Millisecond))
	awaitLine(t, h, d, "fibre")
}

// TestPPPoEServerGone: the concentrator is without power for a minute.
func TestPPPoEServerGone(t *testing.T) {
	h, b, d := dialled(t, account)
	start := time.Now()
	must(t, h.KillPPPoE("fibre"))
	awaitLine(t, h, d, "lte")
	t.Logf("lte carries after %s", time.Since(start).Round(time.Millisecond))
	says(t, b, start, "no PPPoE server answers on wan0")
	time.Sleep(time.Until(start.Add(time.Minute)))
	back := time.Now()
	must(t, h.StartPPPoE(t.Context(), "fibre"))
	awaitLong(t, b, "fibre is up again", on("fibre"))
	t.Logf("up again %s after the server", time.Since(back).Round(time.Millisecond))
	awaitLine(t, h, d, "fibre")
}

// TestPPPoEMute: the line is dead although the cable keeps its carrier, and comes back with the session dialled anew.
func TestPPPoEMute(t *testing.T) {
	h, b, d := dialled(t, account)
	start := time.Now()
	must(t, h.Mute("fibre", true))
	awaitLine(t, h, d, "lte")
	t.Logf("lte carries after %s", time.Since(start).Round(time.Millisecond))
	says(t, b, start, "the ISP does not answer in the session any more")
	must(t, h.Mute("fibre", false))
	awaitLong(t, b, "fibre is up again", on("fibre"))
	awaitLine(t, h, d, "fibre")
}

// TestPPPoERenumbered: the next session has another address.
func TestPPPoERenumbered(t *testing.T) {
	h, b, d := dialled(t, account)
	start := time.Now()
	must(t, h.KillPPPoE("fibre"))
	must(t, h.Renumber(t.Context(), "fibre", "198.18.7.0/24"))
	says(t, b, start, "fibre has a new address: 198.18.7.")
	awaitLong(t, b, "fibre is up again", on("fibre"))
	awaitLine(t, h, d, "fibre")
}

// TestPPPoEWide: where both ends can, packets of 1500 bytes pass whole (RFC 4638).
func TestPPPoEWide(t *testing.T) {
	login := account
	login.Wide = true
	h, b, d := dialled(t, login)
	awaitLong(t, b, "packets of 1500 bytes", func(s Status) bool { return s.line("fibre").MTU == 1500 })
	awaitLine(t, h, d, "fibre")
	if out, err := d.Run("ping -c 1 -W 2 -M do -s 1472 1.1.1.1"); err != nil {
		t.Errorf("1500 bytes do not pass: %s", out)
	}
	large(t, d)
}

// TestPPPoEWideSwallowed: both ends agree on 1500 bytes, and a switch between them swallows such packets.
func TestPPPoEWideSwallowed(t *testing.T) {
	needsPPP(t)
	t.Parallel()
	login := account
	login.Wide = true
	h, b := unstarted(t, dialHome(login))
	must(t, h.Swallow("fibre", 1500))
	start := time.Now()
	must(t, b.Start(t.Context(), built(t), dialling(login, "")))
	awaitLong(t, b, "fibre carries", carriedBy("fibre"))
	awaitLong(t, b, "packets of 1492 bytes", func(s Status) bool { return s.line("fibre").MTU == 1492 })
	t.Logf("up %s after the start", time.Since(start).Round(time.Millisecond))
	if n := strings.Count(b.Log(), "packets of 1500 bytes vanish"); n != 1 {
		t.Errorf("found %d times that large packets vanish", n)
	}
	awaitLine(t, h, h.Devices[0], "fibre")
	large(t, h.Devices[0])
}
