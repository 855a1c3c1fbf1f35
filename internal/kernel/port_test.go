package kernel

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// described is what ip(8) says of an interface of the box.
type described struct {
	Address string
	MTU     int
	Alias   string `json:"ifalias"`
}

func (b *box) ip(name string) described {
	b.t.Helper()
	var all []described
	if err := json.Unmarshal([]byte(b.must("ip -j link show dev "+name)), &all); err != nil || len(all) != 1 {
		b.t.Fatalf("%s: %v, %v", name, all, err)
	}
	return all[0]
}

func (b *box) link(name string) router.Link {
	b.t.Helper()
	var found router.Link
	err := b.Do(func() error {
		links, err := b.kernel.Links()
		for _, l := range links {
			if l.Name == name {
				found = l
			}
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func TestAPortIsMadeToMeasureAndGoesBack(t *testing.T) {
	const clone = "02:00:5e:aa:bb:cc"
	b := newBox(t)
	came := b.ip("wan0").Address
	p := router.Plan{Links: []string{"wan0"}, Ports: []router.Port{{Device: "wan0", MAC: clone, MTU: 1508}}}
	b.apply(p)
	if got := b.ip("wan0"); got.Address != clone || got.MTU != 1508 {
		t.Fatalf("wan0 is %+v, want %s and 1508", got, clone)
	}
	b.settled(p)
	if l := b.link("wan0"); l.Own != came || l.MAC != clone {
		t.Errorf("the router hears of %s that came as %q, want %s that came as %s", l.MAC, l.Own, clone, came)
	}
	b.kernel = New(b.kernel.log) // a restart
	b.settled(p)

	p.Ports[0].MTU = 0
	b.apply(p)
	if got := b.ip("wan0"); got.Address != clone || got.MTU != 1500 {
		t.Errorf("without a wish for its size wan0 is %+v, want %s and 1500", got, clone)
	}
	p.Ports = nil
	b.apply(p)
	if got := b.ip("wan0"); got.Address != came || got.Alias != "" {
		t.Errorf("without a wish wan0 is %+v, want %s and no note", got, came)
	}
	b.settled(p)
}

func TestCleanupGivesAPortItsAddressBack(t *testing.T) {
	b := newBox(t)
	came := b.ip("wan0").Address
	b.apply(router.Plan{Links: []string{"wan0"}, Ports: []router.Port{{Device: "wan0", MAC: "02:00:5e:aa:bb:cc", MTU: 1508}}})
	b.kernel = New(b.kernel.log)
	if err := b.Do(b.kernel.Cleanup); err != nil {
		t.Fatal(err)
	}
	if got := b.ip("wan0"); got.Address != came || got.MTU != 1500 {
		t.Errorf("wan0 is %+v, want %s and 1500", got, came)
	}
}

func TestAnOwnersNoteStays(t *testing.T) {
	b := newBox(t)
	b.must("ip link set wan0 alias cellar")
	p := router.Plan{Ports: []router.Port{{Device: "wan0", MAC: "02:00:5e:aa:bb:cc"}}}
	b.apply(p)
	if note := b.ip("wan0").Alias; note != "cellar" {
		t.Errorf("the note is %q, want the owner's", note)
	}
	b.settled(p)
}

// A size that the port cannot have is no failure of the plan: the line works without.
func TestAPortThatRefusesIsNoFailure(t *testing.T) {
	b := newBox(t)
	p := router.Plan{Ports: []router.Port{{Device: "wan0", MTU: 1 << 20, MAC: "01:00:5e:00:00:01"}, {Device: "gone0", MTU: 1508}}}
	if _, err := b.try(p); err != nil {
		t.Errorf("the plan failed: %v", err)
	}
}

const tryVLAN = "ip link add link wan0 name try0 type vlan id 9"

func TestATaggedInterfaceComesAndGoesWithThePlan(t *testing.T) {
	b := newBox(t)
	needs(t, b, "vlan", tryVLAN)
	b.must("ip link del try0")
	b.must("ip link add link wan1 name wan1.8 type vlan id 8") // the owner's
	v := router.VLAN{Name: "wan0.7", Parent: "wan0", ID: 7}
	p := router.Plan{Links: []string{"wan0"}, VLANs: []router.VLAN{v, {Name: "wan1.8", Parent: "wan1", ID: 8}}}
	b.apply(p)
	p.Links = append(p.Links, v.Name)
	p.Ports = []router.Port{{Device: "wan0", MTU: 1508}, {Device: v.Name, MAC: "02:00:5e:aa:bb:cc", MTU: 1508}}
	b.apply(p)
	if got := b.ip(v.Name); got.Address != "02:00:5e:aa:bb:cc" || got.MTU != 1508 {
		t.Errorf("the tagged interface is %+v", got)
	}
	if l := b.link(v.Name); !l.Up || !l.Carrier {
		t.Errorf("the tagged interface is %+v, want it up with a carrier", l)
	}
	b.settled(p)
	p.VLANs[0].ID = 70
	p.Ports, p.Links = nil, p.Links[:1]
	b.apply(p)
	if got := b.must("ip -d link show wan0.7"); !strings.Contains(got, "id 70 ") {
		t.Errorf("the tag is not followed: %s", got)
	}
	p.VLANs = nil
	b.apply(p)
	if _, err := b.Run("ip link show wan0.7"); err == nil {
		t.Error("the tagged interface is left")
	}
	b.must("ip link show wan1.8")
	b.settled(p)
}

func TestTaggedPacketsPass(t *testing.T) {
	b := newBox(t)
	needs(t, b, "vlan", tryVLAN)
	far := "ip netns exec far" + b.Name[1:] + " "
	for _, line := range []string{"ip link add link wan0 name v7 type vlan id 7", "ip link set v7 up", "ip addr add 203.0.113.1/24 dev v7"} {
		b.must(far + line)
	}
	p := router.Plan{Links: []string{"wan0"}, VLANs: []router.VLAN{{Name: "wan0.7", Parent: "wan0", ID: 7}}}
	b.apply(p)
	p.Links = append(p.Links, "wan0.7")
	b.apply(p)
	b.must("ip addr add 203.0.113.2/24 dev wan0.7")
	b.must("ping -c 1 -W 5 203.0.113.1")
}
