package lan

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// leased is a lease of a device that ends so long after noon.
func leased(host byte, mac string, left time.Duration) Lease {
	return Lease{Until: noon.Add(left), MAC: mac, Address: netip.AddrFrom4([4]byte{192, 168, 1, host})}
}

// TestTheFileOfLeases reads what dnsmasq writes, and leaves out what it could not have meant.
func TestTheFileOfLeases(t *testing.T) {
	text := strings.Join([]string{
		"1795262400 02:00:00:00:00:20 192.168.1.150 laptop 01:02:00:00:00:00:20",
		"1795262401 06-02:00:00:00:00:21 192.168.1.151 * *",
		"0 02:00:00:00:00:22 192.168.1.152 tv *",
		"1795262399 02:00:00:00:00:23 192.168.1.153 gone-an-instant-ago *",
		"duid 00:01:00:01",
		"1795262500 02:00:00:00:00:24 fd00::1 six *",
		"1795262500 nobody 192.168.1.154 * *",
		"1795262500 02:00:00:00:00:25 192.168.1.15",
		"",
		"1795262500 02:00:00:00:00:26 192.168.1.15 cut *",
	}, "\n")
	now := time.Unix(1795262399, 500)
	all, bad := parseLeases([]byte(text), now)
	var got []string
	for _, l := range all {
		got = append(got, strings.TrimSpace(l.line()))
	}
	want := strings.Split(text, "\n")[:3]
	if !reflect.DeepEqual(got, want) || bad != 6 {
		t.Errorf("%d bad, and\n%s\nwant 6, and\n%s", bad, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNothingOfTheOtherRouterBreaksTheFile: a name with a line's end in it would be a lease of its own.
func TestNothingOfTheOtherRouterBreaksTheFile(t *testing.T) {
	good := Lease{Until: noon, MAC: "02:00:00:00:00:20", Address: address("192.168.1.150"), Name: "laptop", Client: "01:02"}
	if err := good.sound(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Lease){
		"IPv6":         func(l *Lease) { l.Address = address("fd00::1") },
		"no address":   func(l *Lease) { l.Address = netip.Addr{} },
		"no MAC":       func(l *Lease) { l.MAC = "" },
		"a line's end": func(l *Lease) { l.Name = "a\n0 02:00:00:00:00:99 192.168.1.1 b *" },
		"a blank":      func(l *Lease) { l.Name = "a b" },
		"a blank MAC":  func(l *Lease) { l.MAC = "02 00" },
		"a client":     func(l *Lease) { l.Client = "01 02" },
		"a long name":  func(l *Lease) { l.Name = strings.Repeat("a", 256) },
	} {
		l := good
		if change(&l); l.sound() == nil {
			t.Errorf("%s: %+v is taken", what, l)
		}
	}
}

func TestMerging(t *testing.T) {
	const a, b = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
	named := leased(10, "02:00:00:00:00:0c", time.Hour)
	named.Client = "01:0a"
	other := leased(11, a, 2*time.Hour)
	other.Client = "01:0a"
	for what, c := range map[string]struct {
		mine, theirs []Lease
		add          []Lease
		drop         []netip.Addr
	}{
		"what is not known here":           {nil, []Lease{leased(10, a, time.Hour)}, []Lease{leased(10, a, time.Hour)}, nil},
		"the same":                         {[]Lease{leased(10, a, time.Hour)}, []Lease{leased(10, a, time.Hour+4*time.Second)}, nil, nil},
		"renewed there":                    {[]Lease{leased(10, a, time.Hour)}, []Lease{leased(10, a, 2*time.Hour)}, []Lease{leased(10, a, 2*time.Hour)}, nil},
		"renewed here":                     {[]Lease{leased(10, a, 2*time.Hour)}, []Lease{leased(10, a, time.Hour)}, nil, nil},
		"given to somebody else there":     {[]Lease{leased(10, a, time.Hour)}, []Lease{leased(10, b, 2*time.Hour)}, []Lease{leased(10, b, 2*time.Hour)}, nil},
		"given to somebody else here":      {[]Lease{leased(10, a, 2*time.Hour)}, []Lease{leased(10, b, time.Hour)}, nil, nil},
		"another address there":            {[]Lease{leased(10, a, time.Hour)}, []Lease{leased(11, a, 2*time.Hour)}, []Lease{leased(11, a, 2*time.Hour)}, []netip.Addr{address("192.168.1.10")}},
		"another address here":             {[]Lease{leased(10, a, 2*time.Hour)}, []Lease{leased(11, a, time.Hour)}, nil, nil},
		"another card of the same machine": {[]Lease{named}, []Lease{other}, []Lease{other}, []netip.Addr{address("192.168.1.10")}},
		"for ever here":                    {[]Lease{{MAC: a, Address: address("192.168.1.10")}}, []Lease{leased(10, b, time.Hour)}, nil, nil},
	} {
		if add, drop := merge(c.mine, c.theirs); !reflect.DeepEqual(add, c.add) || !reflect.DeepEqual(drop, c.drop) {
			t.Errorf("%s: add %v, drop %v; want %v, %v", what, add, drop, c.add, c.drop)
		}
	}
}

func newTestBook(t *testing.T) *book {
	t.Helper()
	return newBook(filepath.Join(t.TempDir(), "leases"), slog.New(slog.DiscardHandler))
}

func TestTheBookIsDnsmasqsWhileItRuns(t *testing.T) {
	b, now := newTestBook(t), time.Now()
	one := []Lease{{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10")}}
	b.lend(now)
	if b.replace(one, now) {
		t.Error("the file of a dnsmasq that runs is written")
	}
	b.giveBack()
	if !b.replace(one, now) {
		t.Error("nobody has the file, and it is not written")
	}
	fromFile, err := readLeases(b.file, now)
	must(t, err)
	inMemory, err := b.all(now)
	must(t, err)
	if len(fromFile) != 1 || fromFile[0].Until.Unix() != now.Add(time.Hour).Unix() || !reflect.DeepEqual(inMemory, one) {
		t.Errorf("file %v, memory %v, want %v", fromFile, inMemory, one)
	}
	if late, err := b.all(now.Add(time.Hour)); err != nil || len(late) > 0 {
		t.Errorf("what has run out is still there: %v, %v", late, err)
	}
}

// TestATakeOverDoesNotWaitForTheDisk: what the other router said is written already, unless the clock was set since.
func TestATakeOverDoesNotWaitForTheDisk(t *testing.T) {
	b, now := newTestBook(t), time.Now()
	b.replace([]Lease{{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10")}}, now)
	must(t, os.WriteFile(b.file, nil, 0o600)) // it is seen whether it is written again
	b.lend(now.Add(time.Second))
	if text, _ := os.ReadFile(b.file); len(text) > 0 {
		t.Errorf("a take-over waits for the disk for nothing: %s", text)
	}
	if stepped(now, now.Add(time.Hour)) {
		t.Error("an hour that has passed counts as a clock that was set")
	}
}

func TestABookThatIsDamagedIsMended(t *testing.T) {
	b, now := newTestBook(t), time.Now()
	good := Lease{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10"), Name: "tv"}.line()
	must(t, os.WriteFile(b.file, []byte("\x00\x00\x00 what a power cut leaves\n"+good+good[:20]), 0o600))
	b.lend(now)
	text, err := os.ReadFile(b.file)
	must(t, err)
	if string(text) != good {
		t.Errorf("got  %q\nwant %q", text, good)
	}
}

// TestADiskThatIsFull: what the other router says is known as long as the power is there.
func TestADiskThatIsFull(t *testing.T) {
	b, now := newTestBook(t), time.Now()
	b.file = filepath.Join(b.file, "no directory", "leases")
	one := []Lease{{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10")}}
	if !b.replace(one, now) {
		t.Error("not taken")
	}
	if all, err := b.all(now); err != nil || !reflect.DeepEqual(all, one) {
		t.Errorf("got %v, %v", all, err)
	}
}

// TestADiskThatTakesNothing: a card that is worn out keeps no house from its addresses, and what is elsewhere is found again.
func TestADiskThatTakesNothing(t *testing.T) {
	state, now := t.TempDir(), time.Now()
	home := Leases(filepath.Join(state, "gone"))
	b := newBook(home, slog.New(slog.DiscardHandler))
	one := Lease{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10")}
	b.replace([]Lease{one}, now)
	b.lend(now)
	defer b.clear()
	all, err := b.all(now)
	if err != nil || len(all) != 1 || all[0].Address != one.Address {
		t.Errorf("dnsmasq starts with %v, %v", all, err)
	}
	if b.path() == home || !isDnsmasq([]string{"/usr/sbin/dnsmasq", leaseArgument(b.path())}, home) {
		t.Errorf("a later daemon does not know whose %s is", b.path())
	}
	if isDnsmasq([]string{"/usr/sbin/dnsmasq", leaseArgument(b.path())}, Leases(state)) {
		t.Error("another daemon takes it for its own")
	}
	b.giveBack()
	b.lend(now)
	if again, err := b.all(now); err != nil || len(again) != 1 {
		t.Errorf("the next dnsmasq starts with %v, %v", again, err)
	}
	b.clear()
	if b.path() != home {
		t.Errorf("it is at %s", b.path())
	}
}
