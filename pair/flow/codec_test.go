package flow

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// nth is the n-th flow of a house: TCP of IPv4, each fourth of IPv6, each third of UDP.
func nth(n int) Flow {
	source, destination := netip.AddrFrom4([4]byte{192, 168, 1, byte(n)}), netip.AddrFrom4([4]byte{198, 51, byte(n >> 16), byte(n >> 8)})
	if n%4 == 3 {
		six := netip.MustParseAddr("2001:db8::").As16()
		six[14], six[15] = byte(n>>8), byte(n)
		source, destination = netip.AddrFrom16(six), netip.MustParseAddr("2001:db8:ffff::1")
	}
	protocol := uint8(6)
	if n%3 == 2 {
		protocol = 17
	}
	return Of(protocol, netip.AddrPortFrom(source, uint16(1024+n)), netip.AddrPortFrom(destination, uint16(n>>8)))
}

func some(from, to int) (flows []Flow) {
	for n := from; n < to; n++ {
		flows = append(flows, nth(n))
	}
	return flows
}

func TestBytes(t *testing.T) {
	c := Change{
		Anew:  true,
		Begun: []Flow{Of(17, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2")), Of(6, netip.MustParseAddrPort("192.0.2.1:258"), netip.MustParseAddrPort("192.0.2.2:443"))},
		Ended: []Flow{Of(1, netip.MustParseAddrPort("192.0.2.3:9"), netip.MustParseAddrPort("192.0.2.4:0"))},
	}
	want := "0101" + "00000001" + "00000001" + "00000001" + "00000000" +
		"c0000201" + "c0000202" + "0102" + "01bb" + "06" +
		"20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "0001" + "0002" + "11" +
		"c0000203" + "c0000204" + "0009" + "0000" + "01"
	if got := hex.EncodeToString(Append(nil, c)); got != want {
		t.Errorf("wrote %s\nwant  %s", got, want)
	}
	if got := Append([]byte("before"), c); !bytes.Equal(got[6:], Append(nil, c)) || string(got[:6]) != "before" {
		t.Errorf("what stood before became %q", got[:6])
	}
}

func TestParseWhatWasWritten(t *testing.T) {
	for _, want := range []Change{
		{}, {Anew: true}, {More: true}, {Anew: true, More: true, Begun: some(0, 1)},
		{Begun: some(0, 3), Ended: some(4, 7)}, {Ended: some(3, 4)},
	} {
		got, err := Parse(Append(nil, want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	mixed := Of(6, netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::1]:1"))
	if got, err := Parse(Append(nil, Change{Begun: []Flow{mixed, nth(1)}})); err != nil || !reflect.DeepEqual(got.Begun, some(1, 2)) {
		t.Errorf("got %+v, %v; want the flow that is one", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := Append(nil, Change{Begun: some(3, 4)})
	mapped := bytes.Clone(good)
	copy(mapped[headSize:], netip.MustParseAddr("::ffff:192.0.2.1").AsSlice())
	newer, flags := bytes.Clone(good), bytes.Clone(good)
	newer[0], flags[1] = 2, 4
	vast := bytes.Clone(good)
	copy(vast[2:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	for b, want := range map[string]string{
		"":                    "parse list of flows: 0 bytes, at least 18 are needed",
		string(good[:18]):     "parse list of flows: 18 bytes, it says 55",
		string(good) + "\x00": "parse list of flows: 56 bytes, it says 55",
		string(vast):          "parse list of flows: 55 bytes, it says 429496729518",
		string(newer):         "parse list of flows: form 2 with flags 0x0 is not known",
		string(flags):         "parse list of flows: form 1 with flags 0x4 is not known",
		string(mapped):        "parse list of flows: an IPv4 address among those of IPv6",
	} {
		if _, err := Parse([]byte(b)); err == nil || err.Error() != want {
			t.Errorf("%x: got error %v, want %q", b, err, want)
		}
	}
}

func TestPieces(t *testing.T) {
	for _, c := range []Change{
		{}, {Anew: true}, {Begun: some(0, 1)}, {Anew: true, Begun: some(0, Piece)}, {Anew: true, Begun: some(0, 2*Piece)},
		{Ended: some(0, Piece+1), Begun: some(5000, 5000+Piece)}, {Begun: some(0, Piece+1), More: true},
	} {
		var whole Change
		pieces := 0
		for p := range c.Pieces() {
			if n := len(p.Begun) + len(p.Ended); n > Piece || pieces > 0 && p.Anew || len(Append(nil, p)) > 256<<10 {
				t.Errorf("piece %d: %d flows, anew %v", pieces, n, p.Anew)
			}
			whole.Anew = whole.Anew || p.Anew
			whole.Begun, whole.Ended, whole.More = append(whole.Begun, p.Begun...), append(whole.Ended, p.Ended...), p.More
			pieces++
		}
		if !reflect.DeepEqual(whole, c) {
			t.Errorf("%d and %d flows, anew %v: the %d pieces are another change", len(c.Begun), len(c.Ended), c.Anew, pieces)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Append(nil, Change{Anew: true, Begun: some(0, 5)}))
	f.Add(Append(nil, Change{More: true, Begun: some(0, 2), Ended: some(3, 4)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "parse list of flows: ") {
				t.Errorf("error %q", err)
			}
			return
		}
		if !bytes.Equal(Append(nil, c), b) {
			t.Errorf("%x is written otherwise than it was read", b)
		}
		for _, flow := range append(c.Begun, c.Ended...) {
			source, destination := flow.Ends()
			if flow != Of(flow.Protocol, source, destination) {
				t.Errorf("%v is another flow than its ends", flow)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	bytes := Append(nil, Change{Begun: some(0, Piece)})
	for b.Loop() {
		if _, err := Parse(bytes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*Piece), "ns/flow")
}
