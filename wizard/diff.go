package wizard

import "strings"

// DiffLine is a line of a comparison.
type DiffLine struct {
	Sign rune   // ' ' in both, '-' only in the old text, '+' only in the new one
	Text string // without its end
	N    int    // its number, counted from 1: in the new text, or for '-' in the old one
}

// Chosen here: the lines shown around a change, and how many pairs of lines are compared before everything between the first
// and the last difference counts as changed. A home's file is 100 lines.
const (
	around    = 3
	mostPairs = 4 << 20
)

// Diff compares two texts line by line: what changed, with three lines around it. The numbers tell where lines are left out.
func Diff(old, new string) []DiffLine {
	a, b := split(old), split(new)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []DiffLine
	for i := range head {
		all = append(all, DiffLine{' ', b[i], i + 1})
	}
	all = append(all, middle(a[head:len(a)-tail], b[head:len(b)-tail], head)...)
	for i := len(b) - tail; i < len(b); i++ {
		all = append(all, DiffLine{' ', b[i], i + 1})
	}
	return near(all)
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// middle compares what lies between the first and the last difference, by the longest common subsequence.
func middle(a, b []string, head int) []DiffLine {
	var all []DiffLine
	i, j := 0, 0
	if len(a)*len(b) <= mostPairs {
		common := lengths(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				all = append(all, DiffLine{' ', b[j], head + j + 1})
				i, j = i+1, j+1
			case common[i+1][j] >= common[i][j+1]:
				all = append(all, DiffLine{'-', a[i], head + i + 1})
				i++
			default:
				all = append(all, DiffLine{'+', b[j], head + j + 1})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		all = append(all, DiffLine{'-', a[i], head + i + 1})
	}
	for ; j < len(b); j++ {
		all = append(all, DiffLine{'+', b[j], head + j + 1})
	}
	return all
}

// lengths of the longest common subsequences of all tails.
func lengths(a, b []string) [][]int32 {
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

// near leaves out what is far from every change.
func near(all []DiffLine) []DiffLine {
	keep := make([]bool, len(all))
	for i, l := range all {
		if l.Sign == ' ' {
			continue
		}
		for n := max(0, i-around); n <= min(len(all)-1, i+around); n++ {
			keep[n] = true
		}
	}
	var some []DiffLine
	for i, l := range all {
		if keep[i] {
			some = append(some, l)
		}
	}
	return some
}
