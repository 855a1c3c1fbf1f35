package pair

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// Digest is what the two configurations of a pair have to agree in, or each to say about the other. Secrets are in it as a HMAC with the
// secret of the pair, so that the two can be compared and nothing is told.
type Digest struct {
	Router  string        `json:"router"`
	Version string        `json:"version"` // of the program
	Address netip.Prefix  `json:"address"` // its own on the LAN
	Peer    netip.Addr    `json:"peer"`
	Beat    time.Duration `json:"beat"`
	Breaks  bool          `json:"breaks,omitempty"` // [pair] handover = false
	VRRP    []Contest     `json:"vrrp,omitempty"`   // those on the LAN
	DHCP    [2]netip.Addr `json:"dhcp,omitzero"`
	Lease   time.Duration `json:"lease,omitempty"`
	Domain  string        `json:"domain,omitempty"`
	IPv6    bool          `json:"ipv6,omitempty"`
	Prefix  netip.Prefix  `json:"prefix,omitzero"` // of the house's own
	NPT     bool          `json:"translate,omitempty"`
	Hosts   string        `json:"hosts,omitempty"`    // fixed addresses and names, as a HMAC
	Doors   string        `json:"forwards,omitempty"` // port forwards, as a HMAC
}

// Contest is one [[vrrp]] of a Digest.
type Contest struct {
	Name      string         `json:"name"`
	ID        uint8          `json:"id"`
	Version   uint8          `json:"version"`
	Priority  int            `json:"priority"`
	Interval  time.Duration  `json:"interval"`
	Addresses []netip.Prefix `json:"addresses"` // in order
	Preempt   bool           `json:"preempt,omitempty"`
	Peers     []netip.Addr   `json:"peers,omitempty"`
	Auth      string         `json:"auth"`          // its kind
	Key       string         `json:"key,omitempty"` // its keys, as a HMAC
}

// DigestOf returns what the other router needs to know of a configuration.
func DigestOf(cfg router.Config, version string) Digest {
	d := Digest{
		Router: cfg.Name, Version: version, Address: cfg.LAN.Address, Peer: cfg.Pair.Peer, Beat: cfg.Pair.Beat, Breaks: cfg.Pair.NoHandOver,
		DHCP: [2]netip.Addr{cfg.LAN.DHCP.First, cfg.LAN.DHCP.Last}, Lease: cfg.LAN.DHCP.Lease, Domain: cfg.LAN.DNS.Domain,
		IPv6: cfg.LAN.IPv6, Prefix: cfg.LAN.Prefix, NPT: cfg.LAN.Translate,
	}
	closed := func(words []string) string {
		if len(words) == 0 {
			return ""
		}
		slices.Sort(words)
		return sealed(cfg.Pair.Secret, strings.Join(words, "\n"))
	}
	var hosts, doors []string
	for _, h := range cfg.LAN.Hosts {
		hosts = append(hosts, strings.ToLower(h.MAC)+" "+h.Address.String()+" "+h.Name)
	}
	for _, f := range cfg.Forwards {
		doors = append(doors, fmt.Sprint(f.Proto, f.Ports, f.To)) // which lines is each router's own business
	}
	d.Hosts, d.Doors = closed(hosts), closed(doors)
	for _, v := range cfg.VRRP {
		if v.Interface == "" || v.Interface == cfg.LAN.Interface {
			d.VRRP = append(d.VRRP, contestOf(v, closed))
		}
	}
	return d
}

func contestOf(v router.VirtualRouter, closed func([]string) string) Contest {
	c := Contest{
		Name: v.Name, ID: v.ID, Version: v.Version, Priority: v.Base, Interval: v.Interval, Preempt: v.Preempt,
		Addresses: slices.SortedFunc(slices.Values(v.Addresses), netip.Prefix.Compare), Peers: v.Peers, Auth: v.Auth.Kind.String(),
	}
	if v.Auth.Kind != vrrp.NoAuth {
		var keys []string
		for _, id := range slices.Sorted(maps.Keys(v.Auth.Keys)) {
			keys = append(keys, fmt.Sprintf("%d %x", id, v.Auth.Keys[id]))
		}
		c.Key = closed(keys)
	}
	return c
}

// sealed shows whether two know the same, and not what.
func sealed(secret, text string) string {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte("twinpath pair digest\n" + text))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// ReadDigest reads what the other router has sent. Its texts are cut to what can be shown.
func ReadDigest(text []byte) (Digest, error) {
	const most = 32
	var d Digest
	if err := json.Unmarshal(text, &d); err != nil {
		return Digest{}, fmt.Errorf("read how the other router is set up: %w", err)
	}
	d.Router, d.Version, d.Domain = brief(d.Router), brief(d.Version), brief(d.Domain)
	for _, a := range []*netip.Addr{&d.Peer, &d.DHCP[0], &d.DHCP[1]} {
		*a = a.WithZone("") // which may be any text
	}
	d.VRRP = d.VRRP[:min(len(d.VRRP), most)]
	for i := range d.VRRP {
		v := &d.VRRP[i]
		v.Name, v.Auth = brief(v.Name), brief(v.Auth)
		v.Addresses, v.Peers = v.Addresses[:min(len(v.Addresses), most)], v.Peers[:min(len(v.Peers), most)]
	}
	return d, nil
}
