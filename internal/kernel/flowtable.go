package kernel

import (
	"errors"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/twinpath/twinpath/firewall"
)

// flowTable is the name of our flow table.
const flowTable = "fast"

// ability is whether a kernel can do something.
type ability uint8

const (
	untried ability = iota
	able
	unable
)

var errNoTable = errors.New("there is no table")

// offloads reports whether this kernel can have flow tables.
func (n *Nft) offloads() bool {
	if n.fast == untried {
		n.fast = tryFlowtable()
	}
	return n.fast == able
}

// tryFlowtable has the kernel make a flow table, and a rule that uses it, in a table that is gone before the transaction ends: a
// kernel without them would refuse the whole ruleset.
func tryFlowtable() ability {
	conn := nftConnect()
	table := conn.AddTable(&nftables.Table{Name: firewall.Table + "_try", Family: nftables.TableFamilyINet})
	t := transaction{conn: conn, table: table}
	t.fast([]string{"lo"})
	chain := conn.AddChain(&nftables.Chain{Name: "try", Table: table, Hooknum: nftables.ChainHookForward,
		Priority: nftables.ChainPriorityFilter, Type: nftables.ChainTypeFilter})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.FlowOffload{Name: flowTable}}})
	conn.DelTable(table)
	if conn.Flush() != nil {
		return unable
	}
	return able
}

// fast adds the flow table.
func (t *transaction) fast(devices []string) {
	if len(devices) > 0 {
		t.conn.AddFlowtable(&nftables.Flowtable{Table: t.table, Name: flowTable, Devices: devices})
	}
}
