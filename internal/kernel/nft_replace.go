package kernel

import (
	"fmt"

	"github.com/google/nftables"

	"github.com/twinpath/twinpath/firewall"
)

// contents is what the table has.
type contents struct {
	there    bool
	chains   []*nftables.Chain
	sets     []*nftables.Set
	fast     []*nftables.Flowtable
	counters map[string]nftables.CounterObj
}

// look reads the table that is about to be replaced. What cannot be read is not there: then the table is made anew.
func look() contents {
	var c contents
	if there, err := tablePresent(); err != nil || !there {
		return c
	}
	c.counters = oldCounters()
	sets, err := nftConnect().GetSets(ourTable())
	if err != nil {
		return c
	}
	if c.fast, err = nftConnect().ListFlowtables(ourTable()); err != nil {
		return c
	}
	chains, err := nftConnect().ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return c
	}
	for _, chain := range chains {
		if chain.Table.Name == firewall.Table {
			c.chains = append(c.chains, chain)
		}
	}
	c.sets, c.there = sets, true
	return c
}

// lasting are the chains of r that are in the kernel already: loaded by us, and not touched since.
func (n *Nft) lasting(r firewall.Ruleset) map[string]bool {
	stays := map[string]bool{}
	if hash, err := loadedHash(); err != nil || hash == "" || hash != n.loaded {
		return stays
	}
	for _, old := range n.last.Chains {
		for _, c := range r.Chains {
			if c.Lasting && old.Lasting && c.String() == old.String() {
				stays[c.Name] = true
			}
		}
	}
	return stays
}

// exchange replaces all of the table but its meters and lasting chains, which go on counting: not a packet is missed, or
// counted twice. The other counters begin with the values that they had a moment ago.
func (n *Nft) exchange(r firewall.Ruleset, hash string, old contents) error {
	t := transaction{conn: nftConnect(), table: ourTable(), counted: old.counters, stays: n.lasting(r), goesOn: map[string]bool{}}
	t.conn.AddTable(t.table)
	for _, c := range old.chains { // first all rules, which refer to the rest
		if !t.stays[c.Name] {
			t.conn.FlushChain(c)
		}
	}
	for _, f := range old.fast { // with all its flows: they are met by the new ruleset
		t.conn.DelFlowtable(f)
	}
	for _, s := range old.sets {
		t.conn.DelSet(s)
	}
	for _, c := range old.chains {
		if !t.stays[c.Name] {
			t.conn.DelChain(c)
		}
	}
	for _, m := range r.Meters {
		for _, name := range []string{m.Rx, m.Tx} {
			_, t.goesOn[name] = old.counters[name]
		}
	}
	for name := range old.counters {
		if !t.goesOn[name] {
			t.conn.DeleteObject(&nftables.CounterObj{Table: t.table, Name: name})
		}
	}
	return t.load(r, hash)
}

// rebuild replaces the whole table, and all counters begin with the values that they had.
func (n *Nft) rebuild(r firewall.Ruleset, hash string, old contents) error {
	t := transaction{conn: nftConnect(), table: ourTable(), counted: old.counters}
	t.conn.AddTable(t.table) // so that there is one to delete
	t.conn.DelTable(t.table)
	t.conn.AddTable(t.table)
	return t.load(r, hash)
}

// load adds the ruleset, and has the kernel take it all.
func (t *transaction) load(r firewall.Ruleset, hash string) error {
	if err := t.add(r); err != nil {
		return fmt.Errorf("load ruleset %s: %w", hash, err)
	}
	t.tag(hash)
	if err := t.conn.Flush(); err != nil {
		// The kernel may have committed all the same, and only the news of it was lost.
		if now, look := loadedHash(); look == nil && now == hash {
			return nil
		}
		return fmt.Errorf("load ruleset %s of %d chains and %d sets: %w", hash, len(r.Chains), len(r.Sets), err)
	}
	return nil
}
