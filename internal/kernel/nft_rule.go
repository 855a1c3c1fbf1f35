package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// lowering lowers one rule to the kernel's small steps, in the order in which nft does, so that nft lists it
// as it would list its own.
type lowering struct {
	t     *transaction
	steps []expr.Any
	knows fieldPlace // what the steps so far have made sure of
}

func (t *transaction) lower(r firewall.Rule) ([]expr.Any, error) {
	lowered := lowering{t: t}
	for _, e := range r {
		if err := lowered.add(e); err != nil {
			return nil, err
		}
	}
	return lowered.steps, nil
}

func (r *lowering) do(steps ...expr.Any) { r.steps = append(r.steps, steps...) }

func (r *lowering) add(e firewall.Expr) error {
	switch e := e.(type) {
	case firewall.Match:
		return r.match(e)
	case firewall.Masked:
		return r.masked(e.Field, e.Mask.Bytes, equalUnless(e.Not), e.Value.Bytes)
	case firewall.Within:
		return r.masked(e.Field, e.Mask(), equalUnless(e.Not), e.Prefix.Addr().AsSlice())
	case firewall.Bits:
		return r.masked(e.Field, e.Value.Bytes, expr.CmpOpNeq, make([]byte, len(e.Value.Bytes)))
	case firewall.Range:
		return r.within(e)
	case firewall.Member:
		return r.member(e)
	case firewall.Hashed:
		r.hashed(e)
		return nil
	}
	return r.state(e)
}

// load brings a field into register 1, after making sure that the packet has it.
func (r *lowering) load(f firewall.Field) error {
	p, err := fieldOf(f)
	if err != nil {
		return err
	}
	if p.family != 0 {
		r.need(&r.knows.family, p.family, expr.MetaKeyNFPROTO)
	}
	if p.protocol != 0 {
		r.need(&r.knows.protocol, p.protocol, expr.MetaKeyL4PROTO)
	}
	if p.ether && !r.knows.ether {
		r.knows.ether = true
		r.do(&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: 1},
			compareTo(expr.CmpOpEq, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_ETHER)))
	}
	r.do(p.load)
	return nil
}

func (r *lowering) need(known *byte, want byte, key expr.MetaKey) {
	if *known == want {
		return
	}
	*known = want
	r.do(&expr.Meta{Key: key, Register: 1}, compareTo(expr.CmpOpEq, []byte{want}))
}

func (r *lowering) match(m firewall.Match) error {
	if err := r.load(m.Field); err != nil {
		return err
	}
	if m.Field == firewall.Family && !m.Not {
		r.knows.family = m.Value.Bytes[0]
	}
	if m.Field == firewall.Protocol && !m.Not {
		r.knows.protocol = m.Value.Bytes[0]
	}
	r.do(compareTo(equalUnless(m.Not), m.Value.Bytes))
	return nil
}

func (r *lowering) masked(f firewall.Field, mask []byte, op expr.CmpOp, want []byte) error {
	if err := r.load(f); err != nil {
		return err
	}
	r.do(&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))},
		compareTo(op, want))
	return nil
}

func (r *lowering) within(e firewall.Range) error {
	if err := r.load(e.Field); err != nil {
		return err
	}
	r.do(compareTo(expr.CmpOpGte, binary.BigEndian.AppendUint16(nil, e.Ports.First)),
		compareTo(expr.CmpOpLte, binary.BigEndian.AppendUint16(nil, e.Ports.Last)))
	return nil
}

func (r *lowering) member(m firewall.Member) error {
	set, ok := r.t.sets[m.Set]
	if !ok {
		return fmt.Errorf("no set %s", m.Set)
	}
	if err := r.load(m.Field); err != nil {
		return err
	}
	r.do(&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID, Invert: m.Not})
	return nil
}

// The registers of 4 bytes overlap those of 16: 2 begins with 12 (linux/netfilter/nf_tables.h).
const secondRegister4 = 13

func (r *lowering) hashed(h firewall.Hashed) {
	family, from, length, next := byte(unix.NFPROTO_IPV4), uint32(12), uint32(4), uint32(secondRegister4)
	if h.Six {
		family, from, length, next = unix.NFPROTO_IPV6, 8, 16, 3
	}
	r.need(&r.knows.family, family, expr.MetaKeyNFPROTO)
	source := packetBytes(expr.PayloadBaseNetworkHeader, from, length)
	destination := packetBytes(expr.PayloadBaseNetworkHeader, from+length, length)
	source.DestRegister, destination.DestRegister = 2, next
	r.do(source, destination,
		&expr.Hash{SourceRegister: 2, DestRegister: 1, Length: 2 * length, Modulus: h.Modulus, Seed: firewall.Seed, Type: expr.HashTypeJenkins},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
		compareTo(expr.CmpOpLt, binary.BigEndian.AppendUint32(nil, h.Below)))
}

func compareTo(op expr.CmpOp, data []byte) *expr.Cmp {
	return &expr.Cmp{Op: op, Register: 1, Data: data}
}

func equalUnless(not bool) expr.CmpOp {
	if not {
		return expr.CmpOpNeq
	}
	return expr.CmpOpEq
}
