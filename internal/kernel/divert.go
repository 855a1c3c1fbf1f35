package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/handover"
)

// divertTable is a table of its own: what a Diversion changes must not wait for an Apply.
const divertTable = firewall.Table + "_pair"

// Divert makes a Diversion the one that the kernel has: first the way to the other router, then, in one transaction, the rules that send packets there; in
// the other order when it ends. made reports that there was no table before, so that its lists are empty. Doing it twice changes nothing.
func (k *Kernel) Divert(d handover.Diversion) (made bool, err error) {
	k.diverting.Lock()
	defer k.diverting.Unlock()
	if d.Mode == handover.None || len(d.LAN) == 0 {
		k.stale = [2]map[string]bool{}
		return false, errors.Join(removeDiverted(), divertWay(handover.Diversion{}))
	}
	if d, err = k.divertWhere(d); err != nil {
		return false, err
	}
	return divertRules(d)
}

// divertWhere makes the way to the other router, and returns what can go there: without IPv6 where this router's is switched off, for IPv4 must not wait for that.
func (k *Kernel) divertWhere(d handover.Diversion) (handover.Diversion, error) {
	err := divertWay(d)
	if err == nil || !d.Gateway4.IsValid() || !d.Gateway6.IsValid() {
		return d, err
	}
	four := d
	four.Gateway6 = netip.Addr{}
	if divertWay(four) != nil {
		return d, err
	}
	k.log.Warn("IPv6 connections cannot be sent to the other router", "err", err)
	return four, nil
}

// Diverted returns what an earlier run left in the kernel, the zero value when that is nothing, or not all there.
func (k *Kernel) Diverted() (handover.Diversion, error) {
	k.diverting.Lock()
	defer k.diverting.Unlock()
	there, err := lookDiverted()
	return there.diversion, err
}

// diverted is the table as it is in the kernel.
type diverted struct {
	table     bool
	whole     bool // all of its sets are there
	chains    []*nftables.Chain
	diversion handover.Diversion // what its note says; None: it has none
}

func lookDiverted() (diverted, error) {
	var d diverted
	chains, err := nftConnect().ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return d, fmt.Errorf("list chains: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name == divertTable {
			d.chains = append(d.chains, c)
		}
	}
	if len(d.chains) == 0 {
		return d, nil // one without chains is not of ours, and is made anew
	}
	d.table = true
	sets, err := nftConnect().GetSets(ourDiverted())
	if err != nil {
		return d, fmt.Errorf("list sets: %w", err)
	}
	d.whole = len(sets) == len(divertSets())
	for _, c := range d.chains {
		if hash, is := strings.CutPrefix(c.Name, generationTag); is && d.whole {
			if d.diversion, err = readNote(c); err != nil || noteHash(d.diversion) != hash {
				d.diversion = handover.Diversion{}
			}
		}
	}
	return d, err
}

// divertRules exchanges the rules, and leaves the lists where they are.
func divertRules(d handover.Diversion) (made bool, err error) {
	now, err := lookDiverted()
	if err != nil {
		return false, err
	}
	if now.diversion.Mode != handover.None && now.diversion.Is(d) {
		return false, nil
	}
	t := transaction{conn: nftConnect(), table: ourDiverted()}
	made = !now.whole
	t.conn.AddTable(t.table)
	if made {
		t.conn.DelTable(t.table)
		t.conn.AddTable(t.table)
		for _, s := range divertSets() {
			if err := t.conn.AddSet(s, nil); err != nil {
				return false, fmt.Errorf("set %s: %w", s.Name, err)
			}
		}
	} else {
		t.clear(now.chains)
	}
	if err := t.divert(d); err != nil {
		return false, err
	}
	t.note(d)
	if err := t.conn.Flush(); err != nil {
		return false, fmt.Errorf("load table inet %s, mode %s: %w", divertTable, d.Mode, err)
	}
	if made {
		return true, nil
	}
	return false, forgetLists(now.diversion, d)
}

// clear removes chains, first all rules: these refer to the rest.
func (t *transaction) clear(chains []*nftables.Chain) {
	for _, c := range chains {
		t.conn.FlushChain(c)
	}
	for _, c := range chains {
		t.conn.DelChain(c)
	}
}

// forgetLists empties the lists that count no more: what is remembered begins anew with All, and so does the other router's list; this one's ends with it. It comes
// after the exchange of the rules: a packet that is among the old ones at that moment would find the lists empty already, since the kernel looks up elements as
// they are by then, and go where it must not (seen: one of 40 flows in each fourth hand-over).
func forgetLists(was, is handover.Diversion) error {
	begins, ends := is.Mode == handover.All && was.Mode != handover.All, is.Mode == handover.Listed && was.Mode == handover.All
	conn := nftConnect()
	for _, s := range divertSets() {
		switch list := s.Name[:len(s.Name)-1]; {
		case list == listKept && begins, list == listOwn && ends, list == listSeen && (begins || is.Mode != handover.All && !is.Seen):
			conn.FlushSet(s)
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("empty lists of table inet %s: %w", divertTable, err)
	}
	return nil
}

func removeDiverted() error {
	tables, err := nftConnect().ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if t.Name != divertTable {
			continue
		}
		conn := nftConnect()
		conn.AddTable(ourDiverted()) // somebody may remove it meanwhile
		conn.DelTable(ourDiverted())
		if err := conn.Flush(); err != nil {
			return fmt.Errorf("remove table inet %s: %w", divertTable, err)
		}
	}
	return nil
}

func ourDiverted() *nftables.Table {
	return &nftables.Table{Name: divertTable, Family: nftables.TableFamilyINet}
}

// note adds the chain that says what the table is, for people and for the next run: it may be exchanged, or a new daemon may find it.
func (t *transaction) note(d handover.Diversion) {
	chain := t.conn.AddChain(&nftables.Chain{Name: generationTag + noteHash(d), Table: t.table})
	for _, line := range noteLines(d) {
		t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}},
			UserData: userdata.AppendString(nil, userdata.TypeComment, line)})
	}
}

func noteHash(d handover.Diversion) string {
	sum := sha256.Sum256([]byte(strings.Join(noteLines(d), "\n")))
	return hex.EncodeToString(sum[:8])
}

func noteLines(d handover.Diversion) []string {
	lines := []string{"mode " + d.Mode.String()}
	if d.Seen {
		lines = append(lines, "seen yes")
	}
	add := func(word string, value any) { lines = append(lines, fmt.Sprintf("%s %v", word, value)) }
	for _, name := range d.LAN {
		add("lan", name)
	}
	add("partner", d.Partner)
	for _, g := range []netip.Addr{d.Gateway4, d.Gateway6} {
		if g.IsValid() {
			add("gateway", g)
		}
	}
	for _, p := range d.Subnets {
		add("subnet", p)
	}
	for _, name := range d.Uplinks {
		add("uplink", name)
	}
	for _, p := range d.Sources6 {
		add("source", p)
	}
	return lines
}

func readNote(c *nftables.Chain) (d handover.Diversion, err error) {
	rules, err := nftConnect().GetRules(ourDiverted(), c)
	if err != nil {
		return d, fmt.Errorf("read chain %s: %w", c.Name, err)
	}
	for _, r := range rules {
		line, _ := userdata.GetString(r.UserData, userdata.TypeComment)
		if word, value, ok := strings.Cut(line, " "); ok {
			takeNote(&d, word, value)
		}
	}
	return d, nil
}

// takeNote takes a line of a note in. What it does not understand makes another hash, and so the note is none.
func takeNote(d *handover.Diversion, word, value string) {
	switch word {
	case "mode":
		for _, m := range []handover.Mode{handover.Prepared, handover.All, handover.Listed} {
			if value == m.String() {
				d.Mode = m
			}
		}
	case "seen":
		d.Seen = true
	case "lan":
		d.LAN = append(d.LAN, value)
	case "partner":
		d.Partner = value
	case "gateway":
		if a, err := netip.ParseAddr(value); err == nil && a.Is4() {
			d.Gateway4 = a
		} else if err == nil {
			d.Gateway6 = a
		}
	case "uplink":
		d.Uplinks = append(d.Uplinks, value)
	case "subnet", "source":
		list := &d.Subnets
		if word == "source" {
			list = &d.Sources6
		}
		if p, err := netip.ParsePrefix(value); err == nil {
			*list = append(*list, p)
		}
	}
}
