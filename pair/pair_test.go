package pair

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

var first = netip.MustParseAddr("192.168.1.2")

func sample() wizard.Pairing {
	return wizard.Pairing{
		Router: "main", LAN: netip.MustParsePrefix("192.168.1.3/24"), Peer: first, Virtual: netip.MustParsePrefix("192.168.1.1/24"),
		Link: netip.MustParsePrefix("fe80::51/64"), ID: 51, Priority: 50, Version: 3, Secret: "0123456789abcdef", Domain: "home.arpa",
		DHCP: [2]netip.Addr{netip.MustParseAddr("192.168.1.100"), netip.MustParseAddr("192.168.1.199")},
	}
}

func newCode(t testing.TB) Code {
	t.Helper()
	c, err := NewCode(first)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCodeRoundTrip(t *testing.T) {
	for _, address := range []string{"192.168.1.2", "10.0.0.1", "223.255.255.255", "0.0.0.1"} {
		for range 100 {
			c, err := NewCode(netip.MustParseAddr(address))
			if err != nil {
				t.Fatal(err)
			}
			typed := strings.NewReplacer("0", "o", "1", "l", "V", "u", "-", " ").Replace(strings.ToLower(c.String()))
			for _, text := range []string{c.String(), typed, strings.ReplaceAll(c.String(), "-", "")} {
				if got, err := Parse(text); err != nil || got != c {
					t.Fatalf("%s, typed %q: %v, %v", c, text, got, err)
				}
			}
		}
	}
	if a, b := newCode(t), newCode(t); a == b {
		t.Errorf("two codes are the same: %s", a)
	}
}

func TestNewCodeOfNoAddress(t *testing.T) {
	for _, address := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("224.0.0.18")} {
		if c, err := NewCode(address); err == nil || !strings.HasPrefix(err.Error(), "make a pairing code: ") {
			t.Errorf("%s: %s, %v", address, c, err)
		}
	}
}

// TestEveryTypoIsFound tries every wrong character at every place, and every swap.
func TestEveryTypoIsFound(t *testing.T) {
	plain := strings.ReplaceAll(newCode(t).String(), "-", "")
	for i := range plain {
		for _, r := range alphabet {
			wrong := plain[:i] + string(r) + plain[i+1:]
			if _, err := Parse(wrong); wrong != plain && (err == nil || !strings.HasPrefix(err.Error(), "there is a typo")) {
				t.Fatalf("%s for %s: %v", wrong, plain, err)
			}
		}
		for j := range i {
			swapped := []byte(plain)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			if _, err := Parse(string(swapped)); string(swapped) != plain && err == nil {
				t.Fatalf("%s for %s is taken", swapped, plain)
			}
		}
	}
}

func TestParseSaysWhatToLookAt(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "the code has only 0 of 16 characters",
		"ABCD-EFGH":              "the code has only 8 of 16 characters",
		"ABCD-EF*H":              `'*', character 7, is in no code`,
		"ABCD-EFGH-JKMN-PQRS-T":  "the code is longer than 16 characters",
		"ABCD-EFGH-JKMN-PQRS":    "there is a typo in the code",
		strings.Repeat("0", 16):  "the code leads to 0.0.0.0, where no router is",
		"ÄÖÜ":                    `'Ä', character 1, is in no code`,
		strings.Repeat("0", 1e6): "the code is longer than 16 characters",
	} {
		if _, err := Parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(newCode(f).String())
	f.Add("abcd efgh jkmn pqrs")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(c.String()); err != nil || again != c {
			t.Errorf("%q is %v, and that is %v, %v", text, c, again, err)
		}
	})
}

// between lets one desk fetch from another.
func between(other *Desk) func(context.Context, string) ([]byte, error) {
	return func(_ context.Context, url string) ([]byte, error) {
		if url != "http://192.168.1.2/api/v1/pair/offer" {
			return nil, errors.New("connection refused")
		}
		sealed, err := other.Sealed()
		if err != nil {
			return nil, ErrNoOffer
		}
		return sealed, nil
	}
}

func desk() *Desk {
	return &Desk{From: func() (netip.Addr, wizard.Pairing, error) { return first, sample(), nil }}
}

func offered(t *testing.T, d *Desk) string {
	t.Helper()
	code, until, err := d.Offer(t.Context())
	if left := time.Until(until); err != nil || left <= 9*time.Minute || left > 10*time.Minute {
		t.Fatalf("offer: until %s, %v", until, err)
	}
	return code
}

func TestJoin(t *testing.T) {
	one := desk()
	two := &Desk{Fetch: between(one)}
	code := offered(t, one)
	if got, err := two.Join(t.Context(), code); err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("joined to %+v, %v", got, err)
	}
	newer := offered(t, one)
	_, err := two.Join(t.Context(), code)
	if want := "the code does not open the offer of the router at 192.168.1.2\nhint: only its newest code does"; err == nil || err.Error() != want {
		t.Errorf("with the code before: %v", err)
	}
	if _, err := two.Join(t.Context(), newer); err != nil {
		t.Errorf("with the new code: %v", err)
	}
	elsewhere, err := NewCode(netip.MustParseAddr("192.168.1.77"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Join(t.Context(), elsewhere.String()); err == nil || !strings.HasPrefix(err.Error(), "no router answers at 192.168.1.77: connection refused\nhint: ") {
		t.Errorf("at a wrong address: %v", err)
	}
}

func TestOfferEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := desk()
		if _, err := one.Sealed(); err == nil || !strings.HasPrefix(err.Error(), "no router is invited here now") {
			t.Errorf("before any offer: %v", err)
		}
		code := offered(t, one)
		time.Sleep(openFor - time.Nanosecond)
		if _, err := one.Sealed(); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		_, err := (&Desk{Fetch: between(one)}).Join(t.Context(), code)
		if want := "the offer of the router at 192.168.1.2 is over\n"; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("after its end: %v", err)
		}
		offered(t, one)
		for range fetches {
			if _, err := one.Sealed(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := one.Sealed(); err == nil {
			t.Error("it is given out for ever")
		}
	})
}

func TestOfferOfNoPair(t *testing.T) {
	none := errors.New("this router has no [pair]")
	d := &Desk{From: func() (netip.Addr, wizard.Pairing, error) { return netip.Addr{}, wizard.Pairing{}, none }}
	if _, _, err := d.Offer(t.Context()); !errors.Is(err, none) {
		t.Errorf("%v", err)
	}
}

// TestOpenDamaged turns each byte of an offer: whatever that hits, nothing comes out.
func TestOpenDamaged(t *testing.T) {
	code := newCode(t)
	sealed, err := seal(code, sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1 + saltSize, len(sealed) - 1} {
		bad := append([]byte{}, sealed...)
		bad[i] ^= 1
		if _, err := open(code, bad); err == nil {
			t.Errorf("with byte %d turned it opens", i)
		}
	}
	for _, n := range []int{0, 1, headSize, len(sealed) - 1} {
		if _, err := open(code, sealed[:n]); err == nil {
			t.Errorf("cut to %d bytes it opens", n)
		}
	}
}

func TestOverHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"offer":    {200, "sealed", ""},
		"no offer": {404, "", "no offer is open"},
		"other":    {302, "", "it answers 302 Found"},
		"much":     {200, strings.Repeat("x", 64<<10+1), "it answers with more than an offer"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		got, err := overHTTP(t.Context(), server.URL)
		server.Close()
		if c.want == "" && (err != nil || string(got) != c.body) || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestOpenNonsense(t *testing.T) {
	code := newCode(t)
	for name, change := range map[string]func(*wizard.Pairing){
		"no network":              func(p *wizard.Pairing) { p.LAN = netip.Prefix{} },
		"DHCP of version 6":       func(p *wizard.Pairing) { p.DHCP[1] = netip.MustParseAddr("fd00::9") },
		"no other router":         func(p *wizard.Pairing) { p.Peer = netip.Addr{} },
		"an address of version 6": func(p *wizard.Pairing) { p.Virtual = netip.MustParsePrefix("fd00::1/64") },
	} {
		p := sample()
		change(&p)
		sealed, err := seal(code, p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := open(code, sealed); err == nil || got != (wizard.Pairing{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestOneKeyAtATime(t *testing.T) {
	d := &Desk{From: func() (netip.Addr, wizard.Pairing, error) { return netip.MustParseAddr("192.168.1.2"), sample(), nil }}
	d.deriving.Lock()
	if _, _, err := d.Offer(t.Context()); !errors.Is(err, errBusy) {
		t.Errorf("two offers at once: %v", err)
	}
	d.deriving.Unlock()
	if _, _, err := d.Offer(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheHouseIsAsked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("sealed")) }))
	defer server.Close()
	if got, err := inTheHouse(t.Context(), server.URL); err != nil || string(got) != "sealed" {
		t.Errorf("this machine: %q, %v", got, err)
	}
	for _, address := range []string{"http://203.0.113.77/", "http://169.254.169.254/", "http://router.example/", "http://[2001:db8::1]/"} {
		if got, err := inTheHouse(t.Context(), address); err == nil {
			t.Errorf("%s: %q", address, got)
		}
	}
	code, err := NewCode(netip.MustParseAddr("203.0.113.77"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "no router answers at 203.0.113.77: this router is in no network that has it\n"
	if _, err := new(Desk).Join(t.Context(), code.String()); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func BenchmarkOpen(b *testing.B) {
	code := newCode(b)
	sealed, err := seal(code, sample())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := open(code, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
