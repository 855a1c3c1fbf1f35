package kernel

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"github.com/twinpath/twinpath/firewall"
)

// generationTag starts the name of the chain that says which ruleset is loaded. Its one rule goes when
// someone flushes the table, which leaves chains in fieldPlace.
const generationTag = "generation_"

// nftBuffer holds a whole transaction and its answers. With the usual 208 KiB, 500 rules were committed
// and yet reported as ENOBUFS (library notes §4).
const nftBuffer = 8 << 20

// Nft owns the nftables table inet twinpath of the network namespace it is used in. The zero value is ready.
type Nft struct {
	mu     sync.Mutex
	last   firewall.Ruleset // that was loaded
	loaded string           // its hash, before anything was left out
	fast   ability          // of the kernel, to have flow tables
}

// Load replaces the table's content by the ruleset in one transaction: on an error the old one is still in
// place. Counters keep their values. The empty ruleset takes the table away.
func (n *Nft) Load(r firewall.Ruleset) error {
	if r.Empty() {
		return n.Remove()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	hash := r.Hash()
	if len(r.Fast) > 0 && n.offloads() && n.replace(r, hash) == nil {
		return nil
	}
	return n.replace(r.WithoutFast(), hash) // a device of the flow table may have gone a moment ago
}

// replace loads a ruleset under the name of one.
func (n *Nft) replace(r firewall.Ruleset, hash string) error {
	old := look()
	err := errNoTable
	if old.there {
		err = n.exchange(r, hash, old)
	}
	if err != nil { // somebody may have put things into our table that hold on to others
		err = n.rebuild(r, hash, old)
	}
	if err == nil {
		n.last, n.loaded = r, hash
	}
	return err
}

// Loaded returns the hash of the ruleset in the kernel, empty when there is none or someone flushed it.
func (n *Nft) Loaded() (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return loadedHash()
}

// Remove takes the table away. It is no error when there is none.
func (n *Nft) Remove() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last, n.loaded = firewall.Ruleset{}, ""
	conn := nftConnect()
	conn.AddTable(ourTable())
	conn.DelTable(ourTable())
	if err := conn.Flush(); err != nil {
		if there, look := tablePresent(); look == nil && !there {
			return nil
		}
		return fmt.Errorf("remove table inet %s: %w", firewall.Table, err)
	}
	return nil
}

func ourTable() *nftables.Table {
	return &nftables.Table{Name: firewall.Table, Family: nftables.TableFamilyINet}
}

// nftConnect makes a connection for one transaction: an error in one would stick to the next.
func nftConnect() *nftables.Conn {
	conn, _ := nftables.New(nftables.WithSockOptions(enlargeBuffers)) // it only fails to open a lasting socket
	return conn
}

func tablePresent() (bool, error) {
	tables, err := nftConnect().ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == firewall.Table {
			return true, nil
		}
	}
	return false, nil
}

func loadedHash() (string, error) {
	chains, err := nftConnect().ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return "", fmt.Errorf("list chains: %w", err)
	}
	for _, c := range chains {
		hash, ok := strings.CutPrefix(c.Name, generationTag)
		if !ok || c.Table.Name != firewall.Table {
			continue
		}
		rules, err := nftConnect().GetRules(ourTable(), c)
		if err != nil {
			return "", fmt.Errorf("read chain %s: %w", c.Name, err)
		}
		if len(rules) > 0 {
			return hash, nil
		}
	}
	return "", nil
}

// oldCounters reads the counters of the table that is about to be replaced. They are for the status page:
// if they cannot be read, they start again at 0.
func oldCounters() map[string]nftables.CounterObj {
	values := map[string]nftables.CounterObj{}
	if there, err := tablePresent(); err != nil || !there {
		return values
	}
	objects, err := nftConnect().GetObjects(ourTable())
	if err != nil {
		return values
	}
	for _, o := range objects {
		if c, ok := o.(*nftables.CounterObj); ok {
			values[c.Name] = *c
		}
	}
	return values
}

// tag adds the chain that names the ruleset.
func (t *transaction) tag(hash string) {
	chain := t.conn.AddChain(&nftables.Chain{Name: generationTag + hash, Table: t.table})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
}

func enlargeBuffers(c *netlink.Conn) error {
	return errors.Join(c.SetReadBuffer(nftBuffer), c.SetWriteBuffer(nftBuffer))
}
