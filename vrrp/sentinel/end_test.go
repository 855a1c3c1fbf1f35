package sentinel

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndIsInOrder(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	m, pid := process(t, d)
	m.end(Linger)
	if n := d.farewells(t); n > 0 {
		t.Fatalf("%d times priority 0 before the end", n)
	}
	began := time.Now()
	if err := End(t.Context(), d.file("s")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > parted {
		t.Errorf("it took %s", took)
	}
	if d.farewells(t) == 0 || d.holds() {
		t.Errorf("%d farewells, holding: %t; want a farewell and no address", d.farewells(t), d.holds())
	}
	within(t, 3*time.Second, "its process is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if err := End(t.Context(), d.file("s")); err != nil {
		t.Errorf("without a sentinel: %v", err)
	}
}

func TestEndOfOneThatHangs(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	m, pid := process(t, d)
	m.end(Linger)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := End(t.Context(), d.file("s")); err == nil || !strings.Contains(err.Error(), "and was killed") {
		t.Errorf("got %v", err)
	}
	within(t, 3*time.Second, "its process is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}
