package pulse

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	low  = netip.MustParseAddr("192.168.1.2")
	high = netip.MustParseAddr("192.168.1.3")
)

// session is one whose keys depend on its secret and the label.
func session(id uint64, secret string) Session {
	return Session{ID: id, Router: "backup", Beat: 50 * ms, Key: func(label string, size int) []byte {
		sum := sha256.Sum256([]byte(secret + label))
		return sum[:size]
	}}
}

// ends returns both ends of a session.
func ends(id uint64, secret string) (a, b *cipherer) {
	return newCipherer(session(id, secret), low, high), newCipherer(session(id, secret), high, low)
}

func TestBeat(t *testing.T) {
	a, b := ends(7, "secret")
	for n := uint64(1); n <= 3; n++ {
		got, how := b.open(slices.Clone(a.seal(time.Duration(n) * 12345 * time.Microsecond)))
		if want := (beat{number: n, heard: n - 1, age: time.Duration(n) * 12345 * time.Microsecond}); how != accepted || got != want {
			t.Fatalf("%+v, %d; want %+v", got, how, want)
		}
		if got, how := a.open(b.seal(0)); how != accepted || got.heard != n || got.age != 0 {
			t.Fatalf("%+v, %d", got, how)
		}
	}
	a.seal(0)
	if got, how := b.open(a.seal(1e6 * time.Hour)); how != accepted || got.number != 5 || got.age != (1<<32-1)*time.Microsecond {
		t.Errorf("%+v, %d", got, how)
	}
}

// Nothing is taken twice, nor what a newer one has overtaken, nor what was said in another session, by ourselves, by somebody else, or changed.
func TestRefusedBeats(t *testing.T) {
	a, b := ends(7, "secret")
	first, second := slices.Clone(a.seal(0)), slices.Clone(a.seal(0))
	another, _ := ends(8, "secret")
	stranger, _ := ends(7, "another secret")
	newer := slices.Clone(a.seal(0))
	newer[0]++
	late := slices.Clone(a.seal(0))
	cases := []struct {
		name string
		beat []byte
		want reception
	}{
		{"the second", second, accepted},
		{"the second again", second, replayed},
		{"the first, overtaken", first, replayed},
		{"our own", slices.Clone(b.seal(0)), forged},
		{"another session's", another.seal(0), strange},
		{"another secret's", stranger.seal(0), forged},
		{"a newer version's", newer, strange},
		{"nothing", nil, strange},
		{"half of one", late[:beatSize/2], strange},
		{"one and a byte", append(slices.Clone(late), 0), strange},
	}
	for i := atNumber; i < beatSize; i++ {
		changed := slices.Clone(late)
		changed[i] ^= 1
		cases = append(cases, struct {
			name string
			beat []byte
			want reception
		}{"a changed byte", changed, forged})
	}
	for _, c := range cases {
		if _, how := b.open(c.beat); how != c.want {
			t.Errorf("%s: %d, want %d", c.name, how, c.want)
		}
	}
	if got, how := b.open(late); how != accepted {
		t.Errorf("after all of them: %+v, %d", got, how)
	}
}

// A beat costs no memory: there are 3.5 million of them in a day.
func TestBeatCostsNoMemory(t *testing.T) {
	a, b := ends(7, "secret")
	if n := testing.AllocsPerRun(1000, func() {
		if _, how := b.open(a.seal(0)); how != accepted {
			t.Fatal(how)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOpen(f *testing.F) {
	a, _ := ends(7, "secret")
	f.Add(slices.Clone(a.seal(0)))
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, d []byte) {
		a, b := ends(7, "secret")
		genuine := slices.Clone(a.seal(0))
		if _, how := b.open(slices.Clone(d)); how == accepted && !bytes.Equal(d, genuine) {
			t.Errorf("accepted %x", d)
		}
	})
}

func BenchmarkBeat(b *testing.B) {
	x, y := ends(7, "secret")
	b.ReportAllocs()
	for b.Loop() {
		y.open(x.seal(0))
	}
}
