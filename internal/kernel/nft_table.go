package kernel

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"github.com/twinpath/twinpath/firewall"
)

// transaction collects the messages that make up a table.
type transaction struct {
	conn    *nftables.Conn
	table   *nftables.Table
	counted map[string]nftables.CounterObj // what counters begin with
	sets    map[string]*nftables.Set
	stays   map[string]bool // chains that are in place
	goesOn  map[string]bool // counters that are in place
}

func (t *transaction) add(r firewall.Ruleset) error {
	for _, name := range r.Counters {
		if old := t.counted[name]; !t.goesOn[name] {
			t.conn.AddObj(&nftables.CounterObj{Table: t.table, Name: name, Bytes: old.Bytes, Packets: old.Packets})
		}
	}
	t.sets = map[string]*nftables.Set{}
	for _, s := range r.Sets {
		if err := t.set(s); err != nil {
			return fmt.Errorf("set %s: %w", s.Name, err)
		}
	}
	t.fast(r.Fast)
	chains := make([]*nftables.Chain, len(r.Chains))
	for i, c := range r.Chains { // all of them before the rules that go to them
		if t.stays[c.Name] {
			continue
		}
		chain, err := t.chain(c)
		if err != nil {
			return fmt.Errorf("chain %s: %w", c.Name, err)
		}
		chains[i] = chain
	}
	for i, c := range r.Chains {
		if t.stays[c.Name] {
			continue
		}
		for _, rule := range c.Rules {
			exprs, err := t.lower(rule)
			if err != nil {
				return fmt.Errorf("chain %s: rule %q: %w", c.Name, rule, err)
			}
			t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chains[i], Exprs: exprs})
		}
	}
	return nil
}

func (t *transaction) chain(c firewall.Chain) (*nftables.Chain, error) {
	chain := &nftables.Chain{Name: c.Name, Table: t.table}
	if h := c.Hook; h != nil {
		at, err := hookOf(h.At)
		if err != nil {
			return nil, err
		}
		policy := nftables.ChainPolicyAccept
		if h.Drop {
			policy = nftables.ChainPolicyDrop
		}
		chain.Hooknum, chain.Policy, chain.Type = at, &policy, nftables.ChainType(h.Type)
		chain.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(h.Priority))
	}
	return t.conn.AddChain(chain), nil
}

func hookOf(at string) (*nftables.ChainHook, error) {
	switch at {
	case "prerouting":
		return nftables.ChainHookPrerouting, nil
	case "input":
		return nftables.ChainHookInput, nil
	case "forward":
		return nftables.ChainHookForward, nil
	case "output":
		return nftables.ChainHookOutput, nil
	case "postrouting":
		return nftables.ChainHookPostrouting, nil
	}
	return nil, fmt.Errorf("no hook %q", at)
}

// setChunk is how many elements go into one message. The library cuts a longer one short at 64 KiB
// without an error (library notes §4).
const setChunk = 500

func (t *transaction) set(s firewall.Set) error {
	kind, err := elementType(s.Type)
	if err != nil {
		return err
	}
	set := &nftables.Set{Table: t.table, Name: s.Name, KeyType: kind, Interval: s.Interval, KeyByteOrder: binaryutil.BigEndian}
	set.Dynamic, set.HasTimeout, set.Timeout, set.Size = s.Timeout > 0, s.Timeout > 0, s.Timeout, uint32(s.Size)
	if s.Type == firewall.Device {
		set.KeyByteOrder = binaryutil.NativeEndian // or nft lists the names as ""
	}
	if err := t.conn.AddSet(set, nil); err != nil {
		return err
	}
	t.sets[s.Name] = set
	for part := range slices.Chunk(setElements(s), setChunk) {
		if err := t.conn.SetAddElements(set, part); err != nil {
			return err
		}
	}
	return nil
}

func elementType(t firewall.Type) (nftables.SetDatatype, error) {
	switch t {
	case firewall.Device:
		return nftables.TypeIFName, nil
	case firewall.Ethernet:
		return nftables.TypeEtherAddr, nil
	case firewall.Address4:
		return nftables.TypeIPAddr, nil
	case firewall.Address6:
		return nftables.TypeIP6Addr, nil
	case firewall.Port:
		return nftables.TypeInetService, nil
	case firewall.ICMP:
		return nftables.TypeICMPType, nil
	case firewall.ICMPv6:
		return nftables.TypeICMP6Type, nil
	case firewall.Protocols:
		return nftables.TypeInetProto, nil
	}
	return nftables.SetDatatype{}, fmt.Errorf("no element type %v", t)
}

// setElements makes the kernel's elements. In an interval set a range is two: its first key, and the end
// mark behind its last, which the highest key of all does not need.
func setElements(s firewall.Set) []nftables.SetElement {
	var list []nftables.SetElement
	if s.Interval && len(s.Elements) > 0 && len(bytes.Trim(s.Elements[0].First, "\x00")) > 0 {
		list = append(list, nftables.SetElement{Key: make([]byte, len(s.Elements[0].First)), IntervalEnd: true})
	}
	for _, e := range s.Elements {
		list = append(list, nftables.SetElement{Key: e.First})
		if !s.Interval {
			continue
		}
		if end, ok := keyAfter(e.Last); ok {
			list = append(list, nftables.SetElement{Key: end, IntervalEnd: true})
		}
	}
	return list
}

// keyAfter is the key behind the given one, false behind the last.
func keyAfter(key []byte) ([]byte, bool) {
	key = bytes.Clone(key)
	for i := len(key) - 1; i >= 0; i-- {
		key[i]++
		if key[i] != 0 {
			return key, true
		}
	}
	return nil, false
}
