package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// state lowers what is done with a packet.
func (r *lowering) state(e firewall.Expr) error {
	switch e := e.(type) {
	case firewall.Verdict:
		return r.verdict(e)
	case firewall.SetMark:
		return r.setMark(e)
	case firewall.Reject:
		r.reject(e)
	case firewall.Count:
		r.do(&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: e.Name})
	case firewall.Limit:
		r.limit(e)
	case firewall.Throttle:
		return r.throttle(e)
	case firewall.Log:
		r.do(&expr.Log{Key: 1 << unix.NFTA_LOG_PREFIX, Data: []byte(e.Prefix)})
	case firewall.Offload:
		r.do(&expr.FlowOffload{Name: flowTable})
	case firewall.Notrack:
		r.do(&expr.Notrack{})
	case firewall.Masquerade:
		r.do(&expr.Masq{})
	case firewall.Redirect:
		r.redirect(e)
	case firewall.Translate:
		r.translate(e)
	case firewall.Clamp:
		r.clamp(e)
	default:
		return fmt.Errorf("no way to lower %T", e)
	}
	return nil
}

func (r *lowering) verdict(v firewall.Verdict) error {
	switch v.Kind {
	case firewall.Accept:
		r.do(&expr.Verdict{Kind: expr.VerdictAccept})
	case firewall.Drop:
		r.do(&expr.Verdict{Kind: expr.VerdictDrop})
	case firewall.Goto:
		r.do(&expr.Verdict{Kind: expr.VerdictGoto, Chain: v.Chain})
	default:
		return fmt.Errorf("no verdict %v", v.Kind)
	}
	return nil
}

func (r *lowering) setMark(s firewall.SetMark) error {
	if err := r.load(s.Field); err != nil {
		return err
	}
	r.do(&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
		Mask: binary.NativeEndian.AppendUint32(nil, uint32(^s.Mask)),
		Xor:  binary.NativeEndian.AppendUint32(nil, uint32(s.Mark))})
	switch s.Field {
	case firewall.PacketMark:
		r.do(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true})
	case firewall.ConnMark:
		r.do(&expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true})
	default:
		return fmt.Errorf("%v is no mark", s.Field)
	}
	return nil
}

func (r *lowering) reject(e firewall.Reject) {
	switch {
	case e.Reset:
		r.do(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	case e.Policy:
		r.do(&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: policyFail})
	case e.Nowhere:
		r.do(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_NO_ROUTE})
	default:
		r.do(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED})
	}
}

// policyFail is ICMPv6's "source address failed ingress/egress policy" (RFC 4443 §3.1).
const policyFail = 5

func (r *lowering) limit(l firewall.Limit) {
	unit := expr.LimitTimeSecond
	if l.Minute {
		unit = expr.LimitTimeMinute
	}
	r.do(&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(l.Rate), Unit: unit, Burst: uint32(l.Burst)})
}

func (r *lowering) throttle(e firewall.Throttle) error {
	set, ok := r.t.sets[e.Set]
	if !ok {
		return fmt.Errorf("no set %s", e.Set)
	}
	if err := r.load(e.Field); err != nil {
		return err
	}
	r.do(&expr.Dynset{SrcRegKey: 1, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: []expr.Any{
		&expr.Limit{Type: expr.LimitTypePktBytes, Rate: uint64(e.Rate), Unit: expr.LimitTimeSecond, Burst: uint32(e.Burst), Over: true}}})
	return nil
}

func (r *lowering) redirect(d firewall.Redirect) {
	nat := &expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1}
	if d.To.Addr().Is6() {
		nat.Family = unix.NFPROTO_IPV6
	}
	r.do(&expr.Immediate{Register: 1, Data: d.To.Addr().AsSlice()})
	if d.To.Port() != 0 {
		r.do(&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, d.To.Port())})
		nat.RegProtoMin, nat.Specified = 2, true
	}
	r.do(nat)
}

func (r *lowering) translate(t firewall.Translate) {
	last := t.To.Addr().As16()
	for bit := t.To.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	r.do(&expr.Immediate{Register: 1, Data: t.To.Addr().AsSlice()}, &expr.Immediate{Register: 2, Data: last[:]},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV6, RegAddrMin: 1, RegAddrMax: 2, Prefix: true})
}

// The TCP option "maximum segment size", RFC 9293 §3.2: kind 2, its value behind kind and length.
const (
	mssKind   = 2
	mssOffset = 2
	mssLength = 2
)

func (r *lowering) clamp(c firewall.Clamp) {
	if c.Size != 0 {
		r.do(&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, c.Size)})
	} else {
		r.do(&expr.Rt{Register: 1, Key: expr.RtTCPMSS},
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 2, Size: 2})
	}
	r.do(&expr.Exthdr{SourceRegister: 1, Type: mssKind, Offset: mssOffset, Len: mssLength, Op: expr.ExthdrOpTcpopt})
}
