package config

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/program"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func addresses(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestFullVRRP(t *testing.T) {
	text, err := os.ReadFile("testdata/good/vrrp.toml")
	if err != nil {
		t.Fatal(err)
	}
	hexKey, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if err != nil {
		t.Fatal(err)
	}
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	equal(t, "vrrp", parsed(t, string(text)).VRRP, []router.VirtualRouter{
		{
			Router: vrrp.Router{
				Name: "lan", ID: 51, Version: 3, Base: 100, Interval: second(1), Preempt: true, FastPreempt: true,
				Addresses: prefixes("192.168.1.1/24", "fe80::1/64", "fd00::1/64"),
				Auth:      vrrp.Auth{Kind: vrrp.HMAC, Keys: map[uint8][]byte{1: hexKey}, Active: 1},
			},
			TrackAll: true, Accept: true,
		},
		{
			Router: vrrp.Router{
				Name: "guests", ID: 51, Interface: "lan1", Version: 2, Base: 150, Interval: second(2),
				Addresses: prefixes("10.0.0.1/32"), Group: "house",
				Auth: vrrp.Auth{Kind: vrrp.AH, Keys: map[uint8][]byte{0: []byte("s3cret")}},
			},
			Track: []string{"twin"},
			Checks: []check.Check{
				{Name: "proxy", Kind: check.HTTP, Target: "http://127.0.0.1:8080/health", Status: 200,
					Interval: 500 * time.Millisecond, Timeout: 250 * time.Millisecond, Fall: 2, Rise: 4, Weight: 30},
				{Kind: check.Process, Target: "haproxy", Interval: second(1), Timeout: second(1), Fall: 3, Rise: 2},
			},
		},
		{
			Router: vrrp.Router{
				Name: "guests6", ID: 51, Interface: "lan1", Version: 3, Base: 100, Interval: 40950 * time.Millisecond, Preempt: true, FastPreempt: true,
				PreemptDelay: second(1000), Addresses: prefixes("fd00:1::1/64"), Checksum: vrrp.ChecksumPseudo,
				Auth: vrrp.Auth{Kind: vrrp.HMAC, Active: 7, Keys: map[uint8][]byte{
					1: []byte("the first of the keys, in plain text"), 7: []byte("the next of the keys, in plain text")}},
			},
			Accept: true,
		},
		{
			Router: vrrp.Router{
				Name: "cloud", ID: 255, Interface: "02:00:00:00:00:0a", Version: 3, Base: 255, Interval: second(1), Preempt: true, FastPreempt: true,
				Addresses: prefixes("10.9.0.1/24", "fd09::1/64"), Checksum: vrrp.ChecksumMessage, Peers: addresses("10.9.0.3", "10.9.0.4", "fd09::3"),
			},
			TrackAll: true, Accept: true,
		},
		{
			Router: vrrp.Router{
				Name: "mac", ID: 1, Interface: "lan2", Version: 3, Base: 100, Interval: 10 * time.Millisecond, Preempt: true, FastPreempt: true,
				Addresses: prefixes("10.8.0.1/24"), VirtualMAC: true,
			},
			TrackAll: true, Accept: true,
		},
	})
}

func virtual(lines string) string {
	return "[[vrrp]]\nname = \"a\"\nid = 1\ninterface = \"eth0\"\naddresses = \"10.0.0.1\"\n" + lines + "\n"
}

func TestKeysAreHexadecimalOrText(t *testing.T) {
	digits := strings.Repeat("0123456789abcdefABCDEF0123456789", 2)
	binary, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]byte{
		digits:            binary,
		digits[:62]:       []byte(digits[:62]), // 31 bytes are no key, 62 characters are one
		digits[:63]:       []byte(digits[:63]),
		digits[:63] + "g": []byte(digits[:63] + "g"),
		digits + digits:   append(bytes.Clone(binary), binary...),
		digits[:32]:       []byte(digits[:32]),
	} {
		auth := parsed(t, virtual(`auth = { kind = "hmac", key = "`+text+`" }`)).VRRP[0].Auth
		if !bytes.Equal(auth.Keys[auth.Active], want) {
			t.Errorf("%s became %q", text, auth.Keys)
		}
	}
}

func TestKeysStayOutOfProblems(t *testing.T) {
	for _, auth := range []string{
		`kind = "hmac", key = "secretword"`, `kind = "hmac", key = 12345678`, `kind = "hmac", keys = { 1 = "secretword" }, active = 1`,
		`kind = "hmac", keys = { 1 = 12345678 }, active = 1`, `kind = "ah", key = "secretword"`, `kind = "password", key = ["secretword"]`,
		`kind = "hmac", keys = "secretword"`, `kind = "hmac", key = "secret\u0000word"`, `kind = "none", key = "secretword"`,
	} {
		_, problems := Parse("f", []byte(virtual("auth = { "+auth+" }")))
		if text := problems.Error(); len(problems) == 0 || strings.Contains(text, "1234") || strings.Contains(text, "secret") {
			t.Errorf("%s: %q", auth, text)
		}
	}
}

func TestPrograms(t *testing.T) {
	const shell = "/bin/sh -c 'exit 0'"
	if err := program.Safe("/bin/sh"); err != nil {
		t.Skip(err) // as in a user namespace of somebody else
	}
	v := parsed(t, virtual(`on_change = "`+shell+`"
on_active = "/bin/true"
on_backup = ""
  [[vrrp.check]]
  run = "`+shell+`"`)).VRRP[0]
	if v.OnChange != shell || v.OnActive != "/bin/true" || v.OnBackup != "" || v.Checks[0].Target != shell || v.Checks[0].Kind != check.Run {
		t.Errorf("got %+v", v)
	}
	open := t.TempDir() + "/script"
	if err := os.WriteFile(open, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, problems := Parse("f", []byte(virtual(`on_fault = "`+open+`"`)))
	if len(problems) != 1 || problems[0].Key != "vrrp[0].on_fault" || !strings.HasPrefix(problems[0].What, "others than root can write to /") {
		t.Errorf("a script that anybody can replace: %v", problems)
	}
}

func TestTheHouseIsTheInterfaceByDefault(t *testing.T) {
	lan := "[lan]\nports = [\"eth0\", \"eth1\"]\naddress = \"192.168.1.2/24\"\n"
	v := "[[vrrp]]\nname = \"a\"\nid = 1\naddresses = \"192.168.1.1/24\"\n"
	if got := parsed(t, lan+v).VRRP[0].Interface; got != "" {
		t.Errorf("got %q", got)
	}
	if _, problems := Parse("f", []byte(v)); len(problems) != 1 || problems[0].What != "lacks interface" {
		t.Errorf("without a house: %v", problems)
	}
}

func TestNoMoreThan255VirtualRouters(t *testing.T) {
	if _, problems := Parse("f", []byte(strings.Repeat("[[vrrp]]\n", 256))); len(problems) != 1 || problems[0].What != "256 are too many: at most 255" {
		t.Errorf("got %v", problems[:1])
	}
}

func TestWhatOneWouldNotExpectToBeRight(t *testing.T) {
	lan := "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.1/24\"\n"
	for what, text := range map[string]string{
		"the owner of an address":            lan + "[[vrrp]]\nname = \"a\"\nid = 1\npriority = 255\naddresses = \"192.168.1.1/24\"\n",
		"a link-local address on two links":  virtual("") + "[[vrrp]]\nname = \"b\"\nid = 2\ninterface = \"eth0\"\naddresses = \"fe80::1/64\"\n[[vrrp]]\nname = \"c\"\nid = 2\ninterface = \"eth1\"\naddresses = \"fe80::1/64\"\n",
		"one id on two links":                virtual("") + "[[vrrp]]\nname = \"b\"\nid = 1\ninterface = \"eth1\"\naddresses = \"10.0.1.1\"\n",
		"one id for two families":            virtual("") + "[[vrrp]]\nname = \"b\"\nid = 1\ninterface = \"eth0\"\naddresses = \"fd00::1/64\"\n",
		"several ids on one link":            virtual("") + "[[vrrp]]\nname = \"b\"\nid = 2\ninterface = \"eth0\"\naddresses = \"10.0.1.1\"\n",
		"an interface that a pattern covers": virtual("") + "[[vrrp]]\nname = \"b\"\nid = 2\ninterface = \"eth*\"\naddresses = \"10.0.1.1\"\n",
	} {
		if _, problems := Parse("f", []byte(text)); len(problems) > 0 {
			t.Errorf("%s: %v", what, problems)
		}
	}
}
