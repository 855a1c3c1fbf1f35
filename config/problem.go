package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong in a configuration file.
type Problem struct {
	File string
	Line int    // counted from 1; 0 when the file as a whole is meant
	Key  string // "wan[1].check[0].weight", counted from 0; empty when no key is meant
	What string // what is wrong, with the value and the limit
	Hint string // what to do about it; empty where What says it all
}

func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	text := place + ": " + p.What
	if p.Key != "" {
		text = place + ": " + p.Key + ": " + p.What
	}
	if p.Hint != "" {
		text += "\nhint: " + p.Hint
	}
	return text
}

// Problems is everything wrong in a configuration file, in the order of its lines.
type Problems []Problem

// Error prints each problem as "file:line: key: what is wrong", with its hint on a second line.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.String()
	}
	return strings.Join(texts, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
}
