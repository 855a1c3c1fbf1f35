package kernel

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
)

// virtualProtocol marks virtual addresses (IFA_PROTO). It is not the plan's number: a Kernel leaves them alone.
const virtualProtocol = router.Protocol + 1

// form is how a virtual address is put on an interface. IPv4: with the length of its network it makes a connected
// route, and with all 32 bits it makes none and is kin to no other address: among addresses of one network the kernel
// removes the younger with the oldest. IPv6 has a flag for the route and knows no such kin.
type form struct {
	prefix  netip.Prefix
	noRoute bool
}

// formOf leaves the connected route to the addresses of others, where they have it already.
func formOf(a netip.Prefix, others []netip.Prefix) form {
	f := form{prefix: netip.PrefixFrom(a.Addr().Unmap(), a.Bits())}
	for _, o := range others {
		if !o.Contains(f.prefix.Addr()) || o.IsSingleIP() {
			continue
		}
		if f.prefix.Addr().Is4() {
			return form{prefix: netip.PrefixFrom(f.prefix.Addr(), 32)}
		}
		f.noRoute = true
	}
	return f
}

// put asks for an address, or for a new lifetime of one that is there.
func (b *batch) put(key addressKey, p place, flags int) {
	b.address(unix.RTM_NEWADDR, flags|unix.NLM_F_CREATE, key)
	b.attribute(ifaProto, []byte{virtualProtocol})
	var f uint32
	preferred := p.lifetime
	if key.prefix.Addr().Is6() {
		f |= unix.IFA_F_NODAD // RFC 9568 §8.2.2: it has just been somebody else's
		// Not preferred: the router's own connections begin at its own addresses and survive the loss of this one.
		preferred = 0
	}
	if p.noRoute {
		f |= unix.IFA_F_NOPREFIXROUTE
	}
	if key.prefix.Addr().Is4() && key.prefix.Bits() < 31 {
		b.attribute(unix.IFA_BROADCAST, broadcast(key.prefix))
	}
	b.attribute(unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, f))
	life := make([]byte, unix.SizeofIfaCacheinfo)
	binary.NativeEndian.PutUint32(life, uint32(preferred/time.Second))
	binary.NativeEndian.PutUint32(life[4:], uint32(p.lifetime/time.Second))
	b.attribute(unix.IFA_CACHEINFO, life)
}

func (b *batch) drop(key addressKey) { b.address(unix.RTM_DELADDR, 0, key) }

func (b *batch) address(kind, flags int, key addressKey) {
	fixed := make([]byte, unix.SizeofIfAddrmsg)
	fixed[0], fixed[1] = byte(family(key.prefix.Addr())), byte(key.prefix.Bits())
	binary.NativeEndian.PutUint32(fixed[4:], uint32(key.index))
	b.request(kind, flags, fixed)
	ip := key.prefix.Addr().AsSlice()
	b.attribute(unix.IFA_LOCAL, ip)
	b.attribute(unix.IFA_ADDRESS, ip)
}
