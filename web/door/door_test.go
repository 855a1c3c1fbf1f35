package door

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	desk = netip.MustParseAddr("192.168.1.20")
)

// house of one password, whose "hash" is "hash of " and it.
type home struct {
	*Door
	mu    sync.Mutex
	hash  string
	asked int
	sick  error
	slow  time.Duration
}

func newHome() *home {
	h := &home{hash: "hash of secret"}
	h.Door = &Door{
		Hash: func() string { h.mu.Lock(); defer h.mu.Unlock(); return h.hash },
		Verify: func(_ context.Context, hash, password string) (bool, error) {
			h.mu.Lock()
			h.asked++
			sick, slow := h.sick, h.slow
			h.mu.Unlock()
			time.Sleep(slow)
			return hash == "hash of "+password, sick
		},
	}
	return h
}

func (h *home) set(hash string) { h.mu.Lock(); defer h.mu.Unlock(); h.hash = hash }

func (h *home) enter(t *testing.T, now time.Time) Session {
	t.Helper()
	s, err := h.Enter(t.Context(), now, Knock{Password: "secret", Source: desk})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSession(t *testing.T) {
	h := newHome()
	s := h.enter(t, noon)
	if len(s.Token) != 43 || !s.Until.Equal(noon.Add(idle)) {
		t.Errorf("token of %d characters, until %s", len(s.Token), s.Until)
	}
	for name, c := range map[string]struct {
		token string
		hash  string
		after time.Duration
		good  bool
	}{
		"at once":                {s.Token, "hash of secret", 0, true},
		"at the last moment":     {s.Token, "hash of secret", idle - 1, true},
		"after a month away":     {s.Token, "hash of secret", idle, false},
		"another password":       {s.Token, "hash of other", 0, false},
		"no password":            {s.Token, "", 0, false},
		"forged":                 {s.Token[:42] + "?", "hash of secret", 0, false},
		"none":                   {"", "hash of secret", 0, false},
		"the device's":           {s.Device, "hash of secret", 0, false},
		"a clock that went back": {s.Token, "hash of secret", -time.Hour, true},
	} {
		fresh := newHome()
		fresh.book.add(h.book.Sessions[0])
		fresh.set(c.hash)
		if _, err := fresh.Check(noon.Add(c.after), c.token); (err == nil) != c.good || err != nil && !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSessionEndsAfterASeason(t *testing.T) {
	h := newHome()
	s := h.enter(t, noon)
	now := noon
	for ; now.Before(noon.Add(absolute)); now = now.Add(idle / 2) {
		if _, err := h.Check(now, s.Token); err != nil {
			t.Fatalf("after %s: %v", now.Sub(noon), err)
		}
	}
	if _, err := h.Check(now, s.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("after %s: %v", now.Sub(noon), err)
	}
}

func TestFewSessions(t *testing.T) {
	h := newHome()
	oldest := h.enter(t, noon)
	for range most {
		h.enter(t, noon)
	}
	if len(h.book.Sessions) != most || len(h.book.Devices) != most {
		t.Errorf("%d sessions, %d devices", len(h.book.Sessions), len(h.book.Devices))
	}
	if _, err := h.Check(noon, oldest.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("the oldest: %v", err)
	}
}

func TestLeave(t *testing.T) {
	h := newHome()
	one, two := h.enter(t, noon), h.enter(t, noon)
	h.Leave(one.Token)
	h.Leave("forged")
	if _, err := h.Check(noon, one.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("who left: %v", err)
	}
	if _, err := h.Check(noon, two.Token); err != nil {
		t.Errorf("who stayed: %v", err)
	}
}

func TestPass(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		hash  string
		good  bool
	}{
		"in time":          {passLife - 1, "hash of secret", true},
		"late":             {passLife, "hash of secret", false},
		"another password": {0, "hash of other", false},
	} {
		h := newHome()
		pass := h.Pass(noon)
		h.set(c.hash)
		for i, good := range []bool{c.good, false} { // never twice
			_, err := h.Enter(t.Context(), noon.Add(c.after), Knock{Pass: pass, Source: desk})
			if (err == nil) != good || err != nil && !errors.Is(err, ErrUsed) {
				t.Errorf("%s, time %d: %v", name, i+1, err)
			}
		}
	}
	h := newHome()
	first := h.Pass(noon)
	for range 8 {
		h.Pass(noon)
	}
	if _, err := h.Enter(t.Context(), noon, Knock{Pass: first}); !errors.Is(err, ErrUsed) {
		t.Errorf("passes without end: %v", err)
	}
}

func TestSuitable(t *testing.T) {
	for password, want := range map[string]string{
		"": "a password of 0 characters is too short", "1234567": "a password of 7 characters", "éééé": "a password of 4 characters",
		"12345678": "", strings.Repeat("x", 72): "", strings.Repeat("x", 73): "a password of 73 bytes is too long",
	} {
		if err := Suitable(password); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", password, err)
		}
	}
	h := newHome()
	if _, err := h.Enter(t.Context(), noon, Knock{Password: strings.Repeat("x", 73), Source: desk}); !errors.Is(err, ErrWrong) || h.asked != 0 {
		t.Errorf("a long guess: %v, verified %d times", err, h.asked)
	}
}

func TestGuessing(t *testing.T) {
	h := newHome()
	var guesses []string
	h.Guessed = func(source netip.Addr) { guesses = append(guesses, source.String()) }
	try := func(source, password string, after time.Duration) {
		_, _ = h.Enter(t.Context(), noon.Add(after), Knock{Password: password, Source: netip.MustParseAddr(source)})
	}
	for range freeTries - 1 { // a clumsy thumb
		try("192.168.1.20", "secert", 0)
	}
	try("192.168.1.20", "secret", 0)
	for range 3 {
		try("::ffff:192.168.1.66", "letmein", 0)
	}
	try("192.168.1.66", "secret", time.Hour)
	if len(guesses) > 0 {
		t.Errorf("guessed by %v", guesses)
	}
	for i := range freeTries + 3 {
		try("::ffff:192.168.1.66", "letmein", 2*time.Hour+time.Duration(i)*time.Millisecond) // most have to wait
	}
	try("192.168.1.66", "12345678", 3*time.Hour)
	if got := strings.Join(guesses, " "); got != "192.168.1.66 192.168.1.66" {
		t.Errorf("guessed by %q", got)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sessions.json")
	h := newHome()
	h.File = name
	h.Load(noon) // not there yet
	s := h.enter(t, noon)
	if at, err := os.Stat(name); err != nil || at.Mode() != 0o600 {
		t.Fatalf("the file: %v, %v", at, err)
	}
	text, err := os.ReadFile(name)
	if err != nil || strings.Contains(string(text), s.Token) || strings.Contains(string(text), s.Device) || strings.Contains(string(text), "secret") {
		t.Errorf("the file has what nobody may read: %s, %v", text, err)
	}

	again := newHome()
	again.File = name
	again.Load(noon.Add(time.Hour))
	if until, err := again.Check(noon.Add(time.Hour), s.Token); err != nil || !until.Equal(s.Until) {
		t.Errorf("after a restart: %s, %v", until, err)
	}
	if again.book.device(s.Device) == nil {
		t.Error("the device is not known any more")
	}

	for damaged, text := range map[string]string{"cut": string(text[:len(text)/2]), "empty": "", "other": "\x00\xff", "huge": `{"sessions":[` + strings.Repeat("{},", 1<<19)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		bad := newHome()
		bad.File = name
		bad.Load(noon)
		if _, err := bad.Check(noon, s.Token); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: %v", damaged, err)
		}
		bad.enter(t, noon)
	}

	nowhere := newHome()
	nowhere.File = filepath.Join(t.TempDir(), "no", "such", "dir")
	kept := nowhere.enter(t, noon)
	if _, err := nowhere.Check(noon, kept.Token); err != nil {
		t.Errorf("with a disk that cannot be written: %v", err)
	}
}

// TestWrites counts them: an owner who looks at the page all day costs the card one a day.
func TestWrites(t *testing.T) {
	h := newHome()
	h.File = filepath.Join(t.TempDir(), "sessions.json")
	s := h.enter(t, noon)
	writes := 0
	for at := noon; at.Before(noon.Add(5 * 24 * time.Hour)); at = at.Add(time.Hour) {
		if err := os.Remove(h.File); err == nil {
			writes++
		}
		if _, err := h.Check(at, s.Token); err != nil {
			t.Fatal(err)
		}
	}
	if writes > 5 {
		t.Errorf("%d writes in five days", writes)
	}
}

func TestNoPassword(t *testing.T) {
	h := newHome()
	h.set("")
	if _, err := h.Enter(t.Context(), noon, Knock{Source: desk}); !errors.Is(err, ErrNoPassword) {
		t.Errorf("%v", err)
	}
}

func TestVerifyThatFails(t *testing.T) {
	h := newHome()
	h.sick = errors.New("fork: no memory")
	for i := range 20 { // none of these is a guess
		_, err := h.Enter(t.Context(), noon, Knock{Password: "secret", Source: desk})
		if err == nil || err.Error() != "check the password: fork: no memory" {
			t.Fatalf("try %d: %v", i+1, err)
		}
	}
	h.sick = nil
	h.enter(t, noon)
}

func TestProve(t *testing.T) {
	h := newHome()
	s := h.enter(t, noon)
	if err := h.Prove(t.Context(), noon, s.Token, "secret"); err != nil {
		t.Error(err)
	}
	if err := h.Prove(t.Context(), noon, "forged", "secret"); !errors.Is(err, ErrNoSession) {
		t.Errorf("without a session: %v", err)
	}
	for range freeTries {
		if err := h.Prove(t.Context(), noon, s.Token, "guess"); !errors.Is(err, ErrWrong) {
			t.Errorf("a guess: %v", err)
		}
	}
	var wait Wait
	if err := h.Prove(t.Context(), noon, s.Token, "secret"); !errors.As(err, &wait) {
		t.Errorf("a stolen session guesses for ever: %v", err)
	}
	h.enter(t, noon) // and holds nobody up
}

// TestProvenPasswordsCostNothing has bcrypt asked until a password was right, and not again before there is another.
func TestProvenPasswordsCostNothing(t *testing.T) {
	h := newHome()
	h.enter(t, noon)
	for i := range 100 {
		source := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		if _, err := h.Enter(t.Context(), noon, Knock{Password: fmt.Sprint(i), Source: source}); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	h.enter(t, noon)
	if h.asked != 1 {
		t.Errorf("verified %d times", h.asked)
	}
	h.set("hash of other")
	if _, err := h.Enter(t.Context(), noon, Knock{Password: "secret", Source: desk}); !errors.Is(err, ErrWrong) || h.asked != 2 {
		t.Errorf("the old password: %v, verified %d times", err, h.asked)
	}
}
