package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
var account = Login{User: "me@isp.example", Password: `sec"ret \#1`, Wide: true}

// dialHome is the default home whose fibre is dialled.
func dialHome() Home {
	h := Default()
	h.Tag = fmt.Sprintf("d%d-", tags.Add(1))
	h.ISPs[0].PPPoE = account
	return h
}

// dialling is a config for an emulated machine, which has little time for checks.
func dialling(password string) string {
	const line = `
[[wan]]
name      = %q
interface = %q
cost      = %d
kind      = %s

  [wan.health]
  rise     = 2

  [[wan.check]]
  ping     = "1.1.1.1"
`
	pppoe := fmt.Sprintf("\"pppoe\"\npppoe     = { user = %q, password = %q }", account.User, password)
	return "[router]\nname = \"main\"\n[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.1/24\"\n" +
		fmt.Sprintf(line, "fibre", "wan0", 0, pppoe) + fmt.Sprintf(line, "lte", "wan1", 50, `"dhcp"`)
}

// emulated is how long something may take on an emulated machine that shares its processor: a fault takes for ever.
const emulated = 2 * time.Minute

// dialled is a home at work, and what its test has seen of it.
type dialled struct {
	*testing.T
	*House
	b     *Box
	d     *Device
	since time.Time // of the newest scene
}

// scene is a part of the story; each goes on where the one before ended.
func (s *dialled) scene(name string, play func(s *dialled)) {
	s.T.Run(name, func(t *testing.T) {
		now := *s
		now.T, now.since = t, time.Now()
		play(&now)
		t.Logf("%s in all", time.Since(now.since).Round(time.Millisecond))
	})
	if s.Failed() {
		s.FailNow() // what follows would have another beginning
	}
}

// becomes waits for a status, for as long as an emulated machine may take.
func (s *dialled) becomes(what string, wanted func(Status) bool) {
	s.Helper()
	var last Status
	for end := time.Now().Add(emulated); time.Now().Before(end); time.Sleep(10 * look) {
		status, err := s.b.Status(s.Context())
		if last = status; err == nil && wanted(status) {
			s.Logf("%6.1f s: %s", time.Since(s.since).Seconds(), what)
			return
		}
	}
	s.Fatalf("not within its time: %s: %+v", what, last)
}

// says waits for an event with a phrase.
func (s *dialled) says(phrase string) router.Event {
	s.Helper()
	var all []router.Event
	for end := time.Now().Add(emulated); time.Now().Before(end); time.Sleep(20 * look) {
		body, err := s.b.Get(s.Context(), "/api/v1/events?since="+s.since.UTC().Format(time.RFC3339))
		if err != nil || json.Unmarshal(body, &all) != nil {
			continue // it is busy
		}
		for _, e := range all {
			if strings.Contains(e.Sentence, phrase) && !e.Time.Before(s.since) {
				s.Logf("%6.1f s: %s", e.Time.Sub(s.since).Seconds(), e.Sentence)
				return e
			}
		}
	}
	s.Fatalf("no event says %q: %v", phrase, all)
	return router.Event{}
}

// uses waits until the house's device is seen on a line.
func (s *dialled) uses(line string) {
	s.Helper()
	for end := time.Now().Add(emulated); time.Now().Before(end); time.Sleep(10 * look) {
		if from, err := s.d.Seen(s.Context()); err == nil && s.LineOf(from) == line {
			s.Logf("%6.1f s: the house uses %s", time.Since(s.since).Seconds(), line)
			return
		}
	}
	s.Fatalf("the house does not use %s", line)
}

// withSize is a status in which both lines are up, and fibre carries with packets of that size.
func withSize(mtu int) func(Status) bool {
	return func(s Status) bool { return on("fibre")(s) && s.line("fibre").MTU == mtu }
}

// pppds are the ids of the box's sessions.
func pppds(t *testing.T, b *Box) []int {
	t.Helper()
	all, err := b.processes()
	must(t, err)
	return slices.DeleteFunc(all, func(pid int) bool { return programOf(pid) != "pppd" })
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

// TestPPPoE is the story of a line that is dialled, at Debian's concentrator: one home and one daemon, for the machine that plays it
// is emulated.
func TestPPPoE(t *testing.T) {
	needsPPP(t)
	t.Parallel()
	h, b, d := home(t, dialHome(), dialling(account.Password))
	confess(t, h, b)
	s := &dialled{T: t, House: h, b: b, d: d}
	s.scene("both ends can do 1508 bytes", wideScene)
	s.scene("a daemon is killed", killedScene)
	s.scene("the ISP hangs up, and 1508 bytes vanish", swallowedScene)
	s.scene("the concentrator is without power for a minute", goneScene)
	s.scene("another password", passwordScene)
	s.scene("the end", endScene)
}

func wideScene(s *dialled) {
	s.becomes("both lines are up, fibre with 1500 bytes", withSize(1500))
	s.uses("fibre")
	if out, err := s.d.Run("ping -c 1 -W 5 -M do -s 1472 1.1.1.1"); err != nil {
		s.Errorf("1500 bytes do not pass: %s", out)
	}
	s.large()
	if out, err := s.b.Run("ip -4 route show table main default"); err != nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, "dev ppp-fibre proto 201") {
		s.Errorf("default routes %q, %v", out, err)
	}
	if _, err := os.Stat("/run/ip-up-ran"); err == nil {
		s.Error("pppd ran /etc/ppp/ip-up")
	}
	s.keepsSecret()
}

// keepsSecret looks for the password where others could find it.
func (s *dialled) keepsSecret() {
	for _, pid := range pppds(s.T, s.b) {
		for _, name := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)); err != nil || strings.Contains(string(text), "#1") {
				s.Errorf("pppd's %s is %q, %v", name, text, err)
			}
		}
	}
	files, err := filepath.Glob(s.b.dir + "/pppoe-*")
	if err != nil || len(files) != 2 {
		s.Errorf("files of the session: %v, %v", files, err)
	}
	for _, name := range append(files, filepath.Join(s.b.dir, "log")) {
		if text, err := os.ReadFile(name); err != nil || strings.Contains(string(text), "#1") {
			s.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

// large has a client of the house send a megabyte to the Internet and get it back: packets of full size both ways.
func (s *dialled) large() {
	s.Helper()
	const size = 1 << 20
	start := time.Now()
	conn, err := s.d.Dial(s.Context(), "tcp4", fmt.Sprintf("%s:%d", EchoAddress, echoPort))
	must(s.T, err)
	defer conn.Close()
	must(s.T, conn.SetDeadline(start.Add(30*time.Second)))
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, size))
		sent <- err
	}()
	n, err := io.CopyN(io.Discard, conn, size)
	if err = errors.Join(err, <-sent); err != nil {
		s.Errorf("%d bytes of a megabyte: %v", n, err)
	}
	s.Logf("a megabyte both ways in %s", time.Since(start).Round(time.Millisecond))
}

func killedScene(s *dialled) {
	before := pppds(s.T, s.b)
	must(s.T, s.b.Kill())
	s.uses("fibre")
	must(s.T, s.b.Restart(s.Context()))
	s.becomes("both lines are up", withSize(1500))
	if now := pppds(s.T, s.b); len(before) != 1 || !slices.Equal(now, before) {
		s.Errorf("sessions %v, before the restart %v", now, before)
	}
}

func swallowedScene(s *dialled) {
	must(s.T, s.Swallow("fibre", 1500))
	must(s.T, s.HangUpAll("fibre"))
	s.says("the ISP has ended the session")
	s.becomes("both lines are up, fibre with 1492 bytes", withSize(1492))
	if n := strings.Count(s.b.Log(), "packets of 1500 bytes vanish"); n != 1 {
		s.Errorf("found %d times that large packets vanish", n)
	}
	s.uses("fibre")
	s.large()
}

func goneScene(s *dialled) {
	must(s.T, s.KillPPPoE("fibre"))
	s.uses("lte")
	s.says("the ISP does not answer in the session any more")
	s.says("no PPPoE server answers on wan0")
	time.Sleep(time.Until(s.since.Add(time.Minute)))
	must(s.T, s.Renumber(s.Context(), "fibre", "198.18.7.0/24"))
	s.says("fibre has a new address: 198.18.7.")
	s.becomes("fibre works again", func(st Status) bool { // it may be held back, for it has failed twice in a row
		return strings.HasPrefix(st.line("fibre").Address, "198.18.7.") && st.line("fibre").State != "down"
	})
}

func passwordScene(s *dialled) {
	must(s.T, os.WriteFile(s.b.Config(), []byte(dialling("wrong")), 0o600))
	must(s.T, s.b.Reload())
	s.becomes("the password is refused", func(st Status) bool {
		return strings.HasPrefix(st.line("fibre").Reason, "the ISP refuses the user name or the password")
	})
	if e := s.says("the ISP refuses the user name or the password"); e.Blame != router.BlameOwner {
		s.Errorf("%q blames %q", e.Sentence, e.Blame)
	}
	time.Sleep(10 * time.Second)
	if n := strings.Count(s.b.Log(), "refuses the user name or the password"); n > 3 {
		s.Errorf("dialled again and again: %s", s.b.Log())
	}
	must(s.T, os.WriteFile(s.b.Config(), []byte(dialling(account.Password)), 0o600))
	must(s.T, s.b.Reload())
	s.becomes("both lines are up", withSize(1492))
}

func endScene(s *dialled) {
	must(s.T, s.b.Stop())
	if n := len(pppds(s.T, s.b)); n != 1 {
		s.Errorf("%d sessions after the daemon's end, want 1", n)
	}
	_, err := s.b.Call(s.Context(), "cleanup", "--state", s.b.State())
	must(s.T, err)
	if now := pppds(s.T, s.b); len(now) != 0 {
		s.Errorf("sessions after cleanup: %v", now)
	}
	eventually(s.T, "the provider has no session", func() bool { n, err := s.Sessions("fibre"); return err == nil && n == 0 })
}
