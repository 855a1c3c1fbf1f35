package pair

import (
	"strings"
	"testing"
)

// An IPv6 address may carry a zone, which is any text.
func TestNoZoneOfTheOtherRouterIsShown(t *testing.T) {
	const at = `fe80::1%` + `\u001b[2J`
	d, err := ReadDigest([]byte(`{"address":"192.168.1.3/24","peer":"` + at + `","dhcp":["` + at + `","` + at + `"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(Differences(Digest{Router: "main", DHCP: d.DHCP}, d), "\n"); strings.Contains(text, "\x1b") {
		t.Errorf("differences: %q", text)
	}
	p, err := ReadPast([]byte(`{"incidents":[
		{"id":"backup-1\u001b[2J","start":"2026-11-22T12:00:00Z"},
		{"id":"backup-2","start":"2026-11-22T12:00:00Z","last_hop":"`+at+`","ladder":[{"what":"modem","address":"`+at+`"}]}]}`), "backup")
	if err != nil || len(p.Incidents) != 1 {
		t.Fatalf("%v: %+v", err, p.Incidents)
	}
	if i := p.Incidents[0]; i.LastHop.Zone()+i.Ladder[0].Address.Zone() != "" {
		t.Errorf("incident by way of %q, %q", i.LastHop, i.Ladder[0].Address)
	}
}
