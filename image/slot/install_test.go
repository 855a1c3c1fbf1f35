package slot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// try makes one update in w, with a reader and a manifest of the caller's.
func (w *world) try(ctx context.Context, boot Boot, want System, r io.Reader) error {
	i := &Installer{Boot: boot, Disk: w.disk(), Loader: w.loader(), Book: w.book(), chunk: testChunk}
	return i.Install(ctx, want, r, Pending{})
}

// TestBeforeAnythingIsWritten: these refusals leave every byte of the disk as it was.
func TestBeforeAnythingIsWritten(t *testing.T) {
	whole := newSystem()
	large, small := whole, whole
	large.Size, small.Size = slotSize+1, headSize-1
	for name, c := range map[string]struct {
		boot Boot
		env  Env
		want System
		says string
	}{
		"too large": {Boot{Slot: A, Mode: Normal}, Env{Slot: A}, large, "the update has 16385 bytes, the slot 16384"},
		"too small": {Boot{Slot: A, Mode: Normal}, Env{Slot: A}, small, "the update has 4095 bytes: that is no system"},
		"on trial":  {Boot{Slot: A, Mode: Trial}, Env{Slot: B}, whole, "the running system is itself on trial\nhint: "},
		"no slot":   {Boot{}, Env{Slot: A}, whole, "the slot to write to is not known"},
	} {
		w := newWorld(t, A, c.env, image("elder"))
		w.left = 0 // the first step would be the last
		err := w.try(t.Context(), c.boot, c.want, bytes.NewReader(newImage))
		if err == nil || !strings.Contains(err.Error(), c.says) || w.dead {
			t.Errorf("%s: %v, written: %t; want %q", name, err, w.dead, c.says)
		}
	}
}

// TestAnUpdateThatFails leaves the other slot empty, so that the boot loader passes it by, and the running system as it was.
func TestAnUpdateThatFails(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wrong := newSystem()
	wrong.SHA256 = sumOf(oldImage)
	for name, c := range map[string]struct {
		ctx   context.Context
		want  System
		image io.Reader
		worn  bool
		says  string
	}{
		"interrupted":        {gone, newSystem(), bytes.NewReader(newImage), false, "write slot B: context canceled"},
		"a reader's error":   {t.Context(), newSystem(), io.MultiReader(bytes.NewReader(newImage[:9000]), broken{}), false, "write slot B: damaged"},
		"damaged at its end": {t.Context(), newSystem(), io.MultiReader(bytes.NewReader(newImage), broken{}), false, "write slot B: damaged"},
		"nothing to read":    {t.Context(), newSystem(), broken{}, false, "write slot B: damaged"},
		"cut short":          {t.Context(), newSystem(), bytes.NewReader(newImage[:9000]), false, "write slot B: the update has 9000 of its 10005 bytes"},
		"too long":           {t.Context(), newSystem(), bytes.NewReader(append(bytes.Clone(newImage), 0)), false, "write slot B: the update has more than its 10005 bytes"},
		"a worn-out disk":    {t.Context(), newSystem(), bytes.NewReader(newImage), true, "the disk does not give back what was written\nhint: it may be worn out"},
		"another sum":        {t.Context(), wrong, bytes.NewReader(newImage), false, "the disk does not give back what was written"},
	} {
		w := newWorld(t, A, Env{Slot: A, Left: 3}, image("elder"))
		w.plates["B"].worn = c.worn
		err := w.try(c.ctx, Boot{Slot: A, Mode: Normal}, c.want, c.image)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
		if w.starts(B) || w.holds(A) != "old" || w.waits() {
			t.Errorf("%s: B starts: %t; A holds the %s one; an update waits: %t", name, w.starts(B), w.holds(A), w.waits())
		}
		if content, system, err := w.disk().Look(B, w.book()); err != nil || content != Partial || system.Version != "2.0" {
			t.Errorf("%s: B looks like %d, %+v, %v", name, content, system, err)
		}
		if boot := w.start(); boot.Slot != A || boot.Mode != Normal {
			t.Errorf("%s: %+v starts", name, boot)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("damaged") }

// TestAFullDataPartition: an update that cannot be written down is not tried.
func TestAFullDataPartition(t *testing.T) {
	w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
	i := &Installer{Boot: Boot{Slot: A, Mode: Normal}, Disk: w.disk(), Loader: w.loader(), Book: &Book{Dir: w.dir, files: full{w}}, chunk: testChunk}
	if err := i.Install(t.Context(), newSystem(), bytes.NewReader(newImage), Pending{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	if boot := w.start(); boot.Slot != A || boot.Mode != Normal || w.waits() {
		t.Errorf("%+v starts, an update waits: %t", boot, w.waits())
	}
}

var errFull = errors.New("no space left on device")

// full is a data partition that takes no update.json any more.
type full struct{ *world }

func (f full) write(name string, text []byte) error {
	if strings.HasSuffix(name, "update.json.new") {
		return errFull
	}
	return f.world.write(name, text)
}

func TestLook(t *testing.T) {
	w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
	look := func(s Slot) Content {
		t.Helper()
		content, _, err := w.disk().Look(s, w.book())
		if err != nil {
			t.Error(err)
		}
		return content
	}
	if got := look(B); got != Empty {
		t.Errorf("nothing looks like %d", got)
	}
	if got := look(A); got != Foreign {
		t.Errorf("a flashed system looks like %d", got)
	}
	if err := w.book().Note(A, w.disk(), System{Version: "1.0"}); err != nil {
		t.Error(err)
	}
	if err := w.install(Boot{Slot: A, Mode: Normal}); err != nil {
		t.Fatal(err)
	}
	if look(A) != Whole || look(B) != Whole {
		t.Errorf("after an update they look like %d and %d", look(A), look(B))
	}
	w.plates["B"].view[7] ^= 1
	if got := look(B); got != Foreign {
		t.Errorf("with another head it looks like %d", got)
	}
}

func TestOneUpdateAtATime(t *testing.T) {
	b := &Book{Dir: t.TempDir()}
	claim, err := b.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Claim(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second claim: %v", err)
	}
	if err := claim.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := b.Claim()
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	_ = again.Close()
}

// TestBookOnFiles keeps the records in real files.
func TestBookOnFiles(t *testing.T) {
	b := &Book{Dir: t.TempDir()}
	if _, there, err := b.Pending(); there || err != nil {
		t.Errorf("nothing is pending: %t, %v", there, err)
	}
	want := Pending{From: A, To: B, Version: "2.0", Was: "1.0", Online: true, Verdict: "ok"}
	if err := b.expect(want); err != nil {
		t.Fatal(err)
	}
	if got, there, err := b.Pending(); got != want || !there || err != nil {
		t.Errorf("%+v, %t, %v", got, there, err)
	}
	if err := errors.Join(b.note(B, &System{Version: "2.0"}), b.note(A, &System{Version: "1.0"}), b.note(B, nil)); err != nil {
		t.Fatal(err)
	}
	if got := b.Systems(); len(got) != 1 || got[A].Version != "1.0" {
		t.Errorf("systems %+v", got)
	}
	if err := b.conclude(Result{Outcome: Failed, Sentence: "no"}); err != nil {
		t.Fatal(err)
	}
	if r, there, err := b.Last(); r.Outcome != Failed || !there || err != nil {
		t.Errorf("%+v, %t, %v", r, there, err)
	}
	if _, there, _ := b.Pending(); there {
		t.Error("a concluded update is pending")
	}
	if left, _ := os.ReadDir(b.Dir); len(left) != 2 {
		t.Errorf("%d files, want last.json and slots.json", len(left))
	}
}
