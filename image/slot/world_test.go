package slot

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var errPowerCut = errors.New("power cut")

// world is a machine's disk. Its power can be cut at any step; then outcomes says what may be on the disk.
type world struct {
	t      *testing.T
	dir    string // of the book
	left   int    // steps before the power is cut
	dead   bool
	files  map[string]string
	plates map[string]*plate
	mount  string // the running slot's partition
}

// plate is a medium whose writes stay in memory until they are synced.
type plate struct {
	w       *world
	name    string
	durable []byte
	view    []byte
	waiting []int // sectors of view that are not in durable
	worn    bool  // gives back something else than was written
}

const forever = 1 << 30

// The images of these tests: small, but with a head, whole chunks and a rest that is no whole sector.
var (
	oldImage = image("old")
	newImage = image("new")
)

const (
	testChunk = 4096
	slotSize  = 16384
)

func image(word string) []byte {
	return append([]byte("hsqs"), bytes.Repeat([]byte(word+" system. "), 900)[:10001]...)
}

// newWorld is a machine that runs the old image from slot running; the other slot holds what is given.
func newWorld(t *testing.T, running Slot, env Env, other []byte) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), left: forever, files: make(map[string]string), plates: make(map[string]*plate)}
	block, err := env.block()
	if err != nil {
		t.Fatal(err)
	}
	w.put("grubenv", block, blockSize)
	w.put(running.String(), oldImage, slotSize)
	w.put(running.Other().String(), other, slotSize)
	w.mount = running.String()
	return w
}

func (w *world) put(name string, content []byte, size int) {
	durable := make([]byte, size)
	copy(durable, content)
	w.plates[name] = &plate{w: w, name: name, durable: durable, view: bytes.Clone(durable)}
}

// dies counts a step and reports whether the power fails in it.
func (w *world) dies() bool {
	w.left--
	w.dead = w.dead || w.left < 0
	return w.dead
}

func (w *world) open(name string, write bool) (medium, error) {
	if w.dead {
		return nil, errPowerCut
	}
	if write && name == w.mount {
		w.t.Errorf("%s is opened for writing, and it is the running system's", name)
		return nil, unix.EBUSY
	}
	return w.plates[name], nil
}

func (p *plate) Close() error                           { return nil }
func (p *plate) Lock() error                            { return nil }
func (p *plate) Size() (int64, error)                   { return int64(len(p.view)), nil }
func (p *plate) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(p.view).ReadAt(b, at) }

func (p *plate) WriteAt(b []byte, at int64) (int, error) {
	if p.w.dead {
		return 0, errPowerCut
	}
	if at < 0 || int(at)+len(b) > len(p.view) {
		p.w.t.Errorf("%s: a write of %d bytes at %d, beyond its end", p.name, len(b), at)
		return 0, unix.ENOSPC
	}
	copy(p.view[at:], b)
	for s := int(at) / sector; s*sector < int(at)+len(b); s++ {
		p.waiting = append(p.waiting, s)
	}
	if p.w.dies() {
		return 0, errPowerCut
	}
	return len(b), nil
}

func (p *plate) Sync() error {
	if p.w.dies() {
		return errPowerCut
	}
	p.keep(func(int) bool { return true })
	return nil
}

// keep makes the waiting sectors that are chosen durable, and forgets the others.
func (p *plate) keep(chosen func(n int) bool) {
	for n, s := range p.waiting {
		if chosen(n) {
			copy(p.durable[s*sector:(s+1)*sector], p.view[s*sector:])
		}
	}
	p.waiting = nil
	if p.worn {
		p.durable[len(oldImage)/2] ^= 1
	}
}

func (p *plate) Forget() error {
	p.view = bytes.Clone(p.durable)
	return nil
}

func (w *world) read(name string) ([]byte, error) {
	if w.dead {
		return nil, errPowerCut
	}
	text, there := w.files[name]
	if !there {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (w *world) write(name string, text []byte) error {
	if w.dead {
		return errPowerCut
	}
	if w.dies() {
		w.files[name] = string(text[:len(text)/2])
		return errPowerCut
	}
	w.files[name] = string(text)
	return nil
}

func (w *world) rename(from, to string) error {
	if w.dies() {
		return errPowerCut
	}
	w.files[to] = w.files[from]
	delete(w.files, from)
	return nil
}

func (w *world) remove(name string) error {
	if w.dies() {
		return errPowerCut
	}
	delete(w.files, name)
	return nil
}

// outcomes is every disk that the cut may have left: of the sectors on their way, any set of few, and of many none, all,
// the first ones, and each alone or missing.
func (w *world) outcomes() []*world {
	for name, p := range w.plates {
		n := len(p.waiting)
		if n == 0 {
			continue
		}
		var all []*world
		for _, chosen := range choices(n) {
			o := w.copy()
			o.plates[name].keep(chosen)
			all = append(all, o.outcomes()...)
		}
		return all
	}
	o := w.copy()
	for _, p := range o.plates {
		p.view = bytes.Clone(p.durable)
	}
	return []*world{o}
}

func choices(n int) []func(int) bool {
	var all []func(int) bool
	if n <= 8 {
		for set := range 1 << n {
			all = append(all, func(i int) bool { return set>>i&1 == 1 })
		}
		return all
	}
	for k := range n + 1 {
		all = append(all, func(i int) bool { return i < k }, func(i int) bool { return i == k }, func(i int) bool { return i != k })
	}
	return all
}

// key is all of a disk.
func (w *world) key() string {
	var all strings.Builder
	for _, name := range []string{"grubenv", "A", "B"} {
		all.Write(w.plates[name].durable)
	}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		all.WriteString(name + w.files[name])
	}
	return all.String()
}

// copy is the same disk in a machine that is on again.
func (w *world) copy() *world {
	o := *w
	o.left, o.dead, o.files, o.plates = forever, false, maps.Clone(w.files), make(map[string]*plate)
	for name, p := range w.plates {
		o.plates[name] = &plate{w: &o, name: name, durable: bytes.Clone(p.durable), view: bytes.Clone(p.view), waiting: p.waiting, worn: p.worn}
	}
	return &o
}

// start does what the boot loader's script does (image/recipe/grub.cfg).
func (w *world) start() Boot {
	env, err := parseEnv(w.plates["grubenv"].durable)
	if err != nil {
		w.t.Fatalf("the boot loader finds %v", err)
	}
	boot := Boot{Slot: env.Slot, Mode: Normal, Trial: time.Minute}
	worn := env.Left == 0
	if try := env.Try; try != None && w.starts(try) {
		boot.Slot, boot.Mode = try, Trial
	} else if env.Left = (env.Left + Boots) % (Boots + 1); (worn || !w.starts(env.Slot)) && w.starts(env.Slot.Other()) {
		boot.Slot, boot.Mode = env.Slot.Other(), Fallback
	}
	env.Try = None
	block, err := env.block()
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("grubenv", block, blockSize)
	w.mount = boot.Slot.String()
	return boot
}

// starts reports whether the boot loader can read a slot, which says nothing of what it finds there.
func (w *world) starts(s Slot) bool {
	return bytes.HasPrefix(w.plates[s.String()].durable, []byte("hsqs"))
}

// holds says which image a slot has, to the byte.
func (w *world) holds(s Slot) string {
	content := w.plates[s.String()].durable[:len(oldImage)]
	switch {
	case bytes.Equal(content, oldImage):
		return "old"
	case bytes.Equal(content, newImage):
		return "new"
	}
	return "neither"
}

func (w *world) disk() Disk {
	return Disk{open: w.open,
		A:    Partition{Path: "A", Number: partitionA, Size: slotSize, Device: "8:2"},
		B:    Partition{Path: "B", Number: partitionB, Size: slotSize, Device: "8:3"},
		Data: Partition{Path: "data", Number: partitionData, Size: slotSize, Device: "8:4"}}
}

func (w *world) loader() *Loader { return &Loader{Path: "grubenv", open: w.open} }
func (w *world) book() *Book     { return &Book{Dir: w.dir, files: w} }

// install writes the new image to the slot that boot does not run from.
func (w *world) install(boot Boot) error {
	i := &Installer{Boot: boot, Disk: w.disk(), Loader: w.loader(), Book: w.book(), chunk: testChunk}
	return i.Install(context.Background(), newSystem(), bytes.NewReader(newImage), Pending{Was: "1.0", Online: true})
}

func newSystem() System {
	return System{Version: "2.0", Size: int64(len(newImage)), SHA256: sumOf(newImage)}
}

// judge runs the new system's or the old system's judge to its end, and returns whether it asked for a restart.
func (w *world) judge(boot Boot, ailment error) (restarted bool, log string) {
	var text strings.Builder
	j := &Judge{
		Boot: boot, Version: map[string]string{"old": "1.0", "new": "2.0"}[w.holds(boot.Slot)],
		Loader: w.loader(), Book: w.book(), Now: time.Now, Log: slog.New(slog.NewTextHandler(&text, nil)),
		Ailment: func(context.Context, bool) error { return ailment },
		Restart: func(context.Context) error { restarted = true; return nil },
	}
	if err := j.Run(w.t.Context()); err != nil && !errors.Is(err, errPowerCut) {
		w.t.Errorf("the judge: %v", err)
	}
	return restarted, text.String()
}

func (w *world) last() Result {
	r, _, err := w.book().Last()
	if err != nil {
		w.t.Error(err)
	}
	return r
}

func (w *world) waits() bool {
	_, there, err := w.book().Pending()
	if err != nil {
		w.t.Error(err)
	}
	return there
}
