package firewall

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Table is the name of our one table, of the family inet.
const Table = "twinpath"

// Ruleset is the content of the table as data. The zero value filters nothing: no table at all.
type Ruleset struct {
	Counters []string // names of counters that rules refer to
	Sets     []Set
	Chains   []Chain
	Fast     []string // devices between which flows of the flow table pass; empty: there is none
	Meters   []Meter  // which of the counters count what
}

// Chain is one chain. Without a Hook it is only reached by a jump or goto.
type Chain struct {
	Name  string
	Hook  *Hook
	Rules []Rule
	// Lasting: it refers to neither sets nor chains, and is left in place by a ruleset that has it unchanged.
	Lasting bool
}

// String is the chain as nft text.
func (c Chain) String() string {
	var b strings.Builder
	c.print(&b)
	return b.String()
}

// Hook is where a base chain sits in the kernel's packet path.
type Hook struct {
	Type     string // filter, nat or route
	At       string // prerouting, input, forward, output or postrouting
	Priority int
	Drop     bool // what happens to packets that no rule decided: false accepts them
}

// Rule is a list of matches, then what is done with packets that meet them all.
type Rule []Expr

// Set is a named set. An interval set holds ranges that neither overlap nor touch.
type Set struct {
	Name     string
	Type     Type
	Interval bool
	Elements []Element
	Size     int           // how many there may be; 0: as many as it is made with
	Timeout  time.Duration // rules fill it, and this long after an element was last touched it goes; 0: neither
}

// Element is one element, or a range of them when Last differs from First.
type Element struct {
	Text        string // as nft writes it
	First, Last []byte // as the kernel compares it
}

// Empty says whether the ruleset is no table at all.
func (r Ruleset) Empty() bool { return len(r.Chains) == 0 }

// Hash is a short name for exactly this ruleset, empty for the empty one.
func (r Ruleset) Hash() string {
	if r.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(r.String()))
	return hex.EncodeToString(sum[:8])
}

// Script is nft text that replaces whatever table of ours is loaded, in one transaction.
func (r Ruleset) Script() string {
	return fmt.Sprintf("table inet %s\ndelete table inet %s\n%s", Table, Table, r)
}

// String is the table as "nft -f -" accepts it, empty for the empty ruleset.
func (r Ruleset) String() string {
	if r.Empty() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", Table)
	for _, name := range r.Counters {
		fmt.Fprintf(&b, "\tcounter %s {\n\t}\n\n", name)
	}
	for _, s := range r.Sets {
		s.print(&b)
	}
	printFast(&b, r.Fast)
	for i, c := range r.Chains {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.print(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s Set) print(b *strings.Builder) {
	fmt.Fprintf(b, "\tset %s {\n\t\ttype %s\n", s.Name, s.Type)
	if s.Interval {
		b.WriteString("\t\tflags interval\n")
	}
	if s.Timeout > 0 {
		fmt.Fprintf(b, "\t\tsize %d\n\t\tflags dynamic,timeout\n\t\ttimeout %ds\n", s.Size, int(s.Timeout.Seconds()))
	}
	if len(s.Elements) > 0 {
		texts := make([]string, len(s.Elements))
		for i, e := range s.Elements {
			texts[i] = e.Text
		}
		fmt.Fprintf(b, "\t\telements = { %s }\n", strings.Join(texts, ", "))
	}
	b.WriteString("\t}\n\n")
}

func (c Chain) print(b *strings.Builder) {
	fmt.Fprintf(b, "\tchain %s {\n", c.Name)
	if h := c.Hook; h != nil {
		policy := "accept"
		if h.Drop {
			policy = "drop"
		}
		fmt.Fprintf(b, "\t\ttype %s hook %s priority %d; policy %s;\n", h.Type, h.At, h.Priority, policy)
	}
	for _, r := range c.Rules {
		fmt.Fprintf(b, "\t\t%s\n", r)
	}
	b.WriteString("\t}\n")
}

// String is the rule as nft text.
func (r Rule) String() string {
	words := make([]string, len(r))
	for i, e := range r {
		words[i] = e.String()
	}
	return strings.Join(words, " ")
}
