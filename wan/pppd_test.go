package wan

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this test binary a pppd when it is run as one.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pppd" {
		pretendPppd()
		return
	}
	os.Exit(m.Run())
}

// pretendPppd says what options it was given, and ends as it is told to.
func pretendPppd() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	options, err := os.Open(os.Args[2])
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(options)
	if strings.Contains(string(text), "stubborn") {
		signal.Ignore(syscall.SIGTERM)
	}
	fmt.Printf("%sread %d bytes\n", wordsUp, len(text))
	if strings.Contains(string(text), "brief") {
		fmt.Println("Exit.")
		return
	}
	select {
	case <-stop:
	case <-time.After(time.Minute):
	}
	fmt.Println("Terminating on signal 15")
}

// pppdHere puts the pretended pppd into the path.
func pppdHere(t *testing.T) pppd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "pppd")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return pppd{dir: t.TempDir(), name: "fibre"}
}

func says(t *testing.T, s session, what string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.words(), what); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it says %q, want %q", s.words(), what)
		}
	}
}

func TestPppdIsTakenOver(t *testing.T) {
	p := pppdHere(t)
	if s, m := p.resume(); s != nil || m != (memory{}) {
		t.Fatalf("before the first: %v, %+v", s, m)
	}
	first, err := p.begin("password secret\n", memory{Device: "wan0", Size: 1492})
	if err != nil {
		t.Fatal(err)
	}
	says(t, first, "read 16 bytes")
	for _, file := range []string{"words", "json"} {
		if info, err := os.Stat(p.file(file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	again, m := p.resume()
	if again == nil || m.Device != "wan0" || m.Size != 1492 || !readWords(again.words()).up {
		t.Fatalf("taken over: %v, %+v", again, m)
	}
	if s, _ := (pppd{dir: p.dir, name: "lte"}).resume(); s != nil {
		t.Error("another line takes it over")
	}
	select {
	case <-again.ended():
		t.Error("it counts as ended")
	default:
	}
	again.end()
	<-first.ended()
	if got := again.why(); got != "Terminating on signal 15" {
		t.Errorf("it ended because of %q", got)
	}
	if s, m := p.resume(); s != nil || m.PID == 0 {
		t.Errorf("after its end: %v, %+v", s, m)
	}
	p.forget(m)
	if _, m := p.resume(); m.PID != 0 || m.Size != 1492 {
		t.Errorf("forgotten: %+v", m)
	}
}

func TestPppdThatDoesNotGo(t *testing.T) {
	p := pppdHere(t)
	s, err := p.begin("stubborn\n", memory{})
	if err != nil {
		t.Fatal(err)
	}
	says(t, s, "read ")
	start := time.Now()
	s.end()
	if took := time.Since(start); took < goodbye || took > 4*goodbye {
		t.Errorf("ended after %s", took)
	}
}

func TestPppdThatEnds(t *testing.T) {
	p := pppdHere(t)
	s, err := p.begin("brief\n", memory{})
	if err != nil {
		t.Fatal(err)
	}
	<-s.ended()
	if got := s.why(); got != "read 6 bytes" {
		t.Errorf("why: %q", got)
	}
	s.end()
}

func TestEndSessions(t *testing.T) {
	p := pppdHere(t)
	for _, name := range []string{"fibre", "dsl"} {
		s, err := pppd{dir: p.dir, name: name}.begin("", memory{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.end()
		says(t, s, "read ")
	}
	if n := EndSessions(t.TempDir(), func(string) bool { return false }); n != 0 {
		t.Errorf("ended %d of another daemon", n)
	}
	if n := EndSessions(p.dir, func(name string) bool { return name == "fibre" }); n != 1 {
		t.Errorf("ended %d, want 1", n)
	}
	if s, _ := p.resume(); s == nil {
		t.Error("the one to be kept is gone")
	}
	if n := EndSessions(p.dir, func(string) bool { return false }); n != 1 {
		t.Errorf("ended %d, want the other one", n)
	}
}

func TestPppdIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := pppd{dir: t.TempDir(), name: "fibre"}.begin("", memory{})
	if startTrouble(err) != noProgram || err == nil || err.Error() != `start pppd: `+(&exec.Error{Name: "pppd", Err: exec.ErrNotFound}).Error() {
		t.Errorf("got %v", err)
	}
	if got := startTrouble(os.ErrPermission); got != broken || startRemark(os.ErrPermission) != "permission denied" {
		t.Errorf("got %v", got)
	}
}
