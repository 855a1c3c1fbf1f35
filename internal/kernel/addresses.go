package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ifaProto is IFA_PROTO, who put an address there (Linux 5.18); the library does not know it.
const ifaProto = 11

// addressKey is what the kernel tells addresses apart by.
type addressKey struct {
	index  int
	prefix netip.Prefix
}

// held is an address that the kernel has.
type held struct {
	ours    bool
	virtual bool // the VRRP engine's
	noRoute bool
	retired bool   // not for new connections
	flags   uint32 // IFA_F_…
}

// shownAddress is an address in the order that the kernel keeps them in.
type shownAddress struct {
	addressKey
	held
}

func (s *session) addresses() (map[addressKey]held, error) {
	list, err := s.addressList()
	if err != nil {
		return nil, err
	}
	all := make(map[addressKey]held, len(list))
	for _, a := range list {
		all[a.addressKey] = a.held
	}
	return all, nil
}

func (s *session) addressList() ([]shownAddress, error) {
	bodies, err := s.dump(unix.RTM_GETADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	all := make([]shownAddress, 0, len(bodies))
	for _, body := range bodies {
		if key, h, ok := readAddress(body); ok {
			all = append(all, shownAddress{key, h})
		}
	}
	return all, nil
}

func readAddress(body []byte) (key addressKey, h held, ok bool) {
	if len(body) < unix.SizeofIfAddrmsg {
		return key, h, false
	}
	var address, local netip.Addr
	key.index = int(binary.NativeEndian.Uint32(body[4:]))
	for kind, v := range attributes(body, unix.SizeofIfAddrmsg) {
		switch kind {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(v)
		case unix.IFA_LOCAL: // on a point-to-point link IFA_ADDRESS is the other end
			local, _ = netip.AddrFromSlice(v)
		case unix.IFA_FLAGS:
			h.flags = value(v)
			h.noRoute = h.flags&unix.IFA_F_NOPREFIXROUTE != 0
			h.retired = h.flags&unix.IFA_F_DEPRECATED != 0
		case ifaProto:
			h.ours = len(v) == 1 && v[0] == router.Protocol
			h.virtual = len(v) == 1 && v[0] == virtualProtocol
		}
	}
	if local.IsValid() {
		address = local
	}
	key.prefix = netip.PrefixFrom(address, int(body[1]))
	return key, h, key.prefix.IsValid()
}

// address makes the plan's addresses. One that someone else has put there already serves as well and stays theirs.
func (p *pass) address() {
	wanted := make(map[addressKey]bool, len(p.plan.Addresses))
	for _, a := range p.plan.Addresses {
		d, ok := p.device(a.Device)
		if !ok {
			continue
		}
		key := addressKey{d.Index, netip.PrefixFrom(a.Prefix.Addr().Unmap(), a.Prefix.Bits())}
		wanted[key] = true
		p.want(fmt.Sprintf("%s dev %s", key.prefix, a.Device), []int{d.Index}, func() outcome {
			return p.addAddress(key, a)
		})
	}
	for key, h := range p.addresses {
		if h.ours && !wanted[key] {
			p.removeAddress(key, wanted)
		}
	}
}

func (p *pass) addAddress(key addressKey, a router.Address) outcome {
	h, there := p.addresses[key]
	if there && !h.virtual && (!h.ours || h.noRoute == a.NoRoute && h.retired == a.Retired) {
		return found
	}
	if there && !h.virtual && h.noRoute == a.NoRoute {
		return p.retire(key, a)
	}
	if there { // a virtual one would expire, and the flag of an address cannot be changed
		if err := p.session.dropAddress(key); err != nil {
			p.fail(fmt.Errorf("remove address %s dev %s: %w", key.prefix, a.Device, err))
			return absent
		}
		p.again = true
	}
	if !p.change(fmt.Sprintf("add address %s dev %s", key.prefix, a.Device), p.session.addAddress(key, a, unix.NLM_F_EXCL)) {
		return absent
	}
	return added
}

// retire says in place of an address of ours that new connections are to use it no more, or may again: its flows go on.
func (p *pass) retire(key addressKey, a router.Address) outcome {
	what := fmt.Sprintf("retire address %s dev %s", key.prefix, a.Device)
	if !a.Retired {
		what = fmt.Sprintf("use address %s dev %s again", key.prefix, a.Device)
	}
	if !p.change(what, p.session.addAddress(key, a, unix.NLM_F_REPLACE)) {
		return absent
	}
	return replaced
}

// forever is the lifetime of an address that does not end (if_addr.h, INFINITY_LIFE_TIME).
const forever = 1<<32 - 1

// addAddress adds an address or, with NLM_F_REPLACE, changes how long it is good for. Duplicates of IPv6 are not looked for: until that is done,
// a second later, nothing can be sent from the address, not even the news that another one is dead. It ends in what a manufacturer,
// the ISP or a secret made unique.
func (s *session) addAddress(key addressKey, a router.Address, how int) error {
	m, parts := addressMessage(key)
	parts = append(parts, nl.NewRtAttr(ifaProto, []byte{router.Protocol}))
	var flags uint32
	if a.NoRoute {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if key.prefix.Addr().Is6() {
		flags |= unix.IFA_F_NODAD
	}
	if flags != 0 {
		parts = append(parts, number(unix.IFA_FLAGS, flags))
	}
	if key.prefix.Addr().Is6() {
		parts = append(parts, nl.NewRtAttr(unix.IFA_CACHEINFO, lifetimes(a.Retired)))
	}
	if key.prefix.Addr().Is4() && key.prefix.Bits() < 31 {
		parts = append(parts, nl.NewRtAttr(unix.IFA_BROADCAST, broadcast(key.prefix)))
	}
	return s.do(unix.RTM_NEWADDR, unix.NLM_F_CREATE|how, append([]nl.NetlinkRequestData{m}, parts...)...)
}

// lifetimes is struct ifa_cacheinfo: preferred, valid, and two times that only the kernel sets.
func lifetimes(retired bool) []byte {
	preferred := uint32(forever)
	if retired {
		preferred = 0
	}
	b := binary.NativeEndian.AppendUint32(nil, preferred)
	return append(binary.NativeEndian.AppendUint32(b, forever), make([]byte, 8)...)
}

// dropAddress removes an address, if it has not gone with an older one of its network.
func (s *session) dropAddress(key addressKey) error {
	m, parts := addressMessage(key)
	err := s.do(unix.RTM_DELADDR, 0, append([]nl.NetlinkRequestData{m}, parts...)...)
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil
	}
	return err
}

func addressMessage(key addressKey) (*nl.IfAddrmsg, []nl.NetlinkRequestData) {
	m := nl.NewIfAddrmsg(family(key.prefix.Addr()))
	m.Prefixlen, m.Index = uint8(key.prefix.Bits()), uint32(key.index)
	ip := key.prefix.Addr().AsSlice()
	return m, []nl.NetlinkRequestData{nl.NewRtAttr(unix.IFA_LOCAL, ip), nl.NewRtAttr(unix.IFA_ADDRESS, ip)}
}

func broadcast(p netip.Prefix) []byte {
	b := p.Addr().As4()
	last := binary.BigEndian.Uint32(b[:]) | (1<<(32-p.Bits()) - 1)
	return binary.BigEndian.AppendUint32(nil, last)
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// removeAddress removes an address after everything has been added. The kernel takes routes that use it along, and,
// unless told to promote them, the younger addresses of the same network: those are told, and a second look follows.
func (p *pass) removeAddress(key addressKey, wanted map[addressKey]bool) {
	name := p.nameOf(key.index)
	p.later(fmt.Sprintf("remove address %s dev %s", key.prefix, name), func() error {
		for other := range wanted {
			if other.index == key.index && other.prefix.Masked() == key.prefix.Masked() && key.prefix.Addr().Is4() {
				promoteSecondaries(name) // where it cannot be written, the second look repairs
			}
		}
		p.again = true
		return p.session.dropAddress(key)
	})
}

func promoteSecondaries(device string) {
	_ = os.WriteFile("/proc/sys/net/ipv4/conf/"+device+"/promote_secondaries", []byte("1"), 0)
}
