package wizard

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
)

// Page is a group of questions that are asked together.
type Page string

// The pages, in the order in which they are asked.
const (
	Ports    Page = "ports"
	Internet Page = "lines"
	Home     Page = "house"
	Twins    Page = "pair"
	Alerts   Page = "alert"
	Password Page = "password"
)

// Kind is how a question is answered.
type Kind uint8

const (
	NoKind  Kind = iota
	Choice       // one of the options
	Several      // any of the options, separated by spaces
	Flag         // "yes" or "no"
	Text
	Secret // text that nobody is to look at; empty keeps what there is
)

func (k Kind) String() string {
	return [...]string{"none", "choice", "several", "flag", "text", "secret"}[k]
}

// Option is one answer of a Choice.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
	Note  string `json:"note,omitempty"` // what speaks for it
}

// Question is what is asked, with its answer or the proposal for one.
type Question struct {
	ID       string   `json:"id"`
	Under    string   `json:"under,omitempty"` // heading of several questions in a row
	Ask      string   `json:"ask"`
	Help     string   `json:"help,omitempty"`
	Kind     Kind     `json:"kind"`
	Options  []Option `json:"options,omitempty"`
	Value    string   `json:"value"`
	Optional bool     `json:"optional,omitempty"`
	Problem  string   `json:"problem,omitempty"`
	Hint     string   `json:"hint,omitempty"`
}

// wrong is why an answer cannot be taken, and what to do about it.
type wrong struct{ what, hint string }

func (w *wrong) Error() string { return w.what }

func refuse(hint, what string, args ...any) error { return &wrong{fmt.Sprintf(what, args...), hint} }

// with returns the question with what is wrong with its value.
func (q Question) with(err error) Question {
	q.Problem = err.Error()
	if w, ok := err.(*wrong); ok {
		q.Hint = w.hint
	}
	return q
}

const yes, none = "yes", "no"

func flag(b bool) string {
	if b {
		return yes
	}
	return none
}

// field is a question, how its answer is taken, and what may be wrong with it in the light of the others.
type field struct {
	Question
	take  func(text string) error
	judge func() error // nil: nothing
}

// plain takes any text up to a length in bytes.
func plain(into *string, most int) func(string) error {
	return func(text string) error {
		switch {
		case len(text) > most:
			return refuse("", "it is %d bytes long: at most %d", len(text), most)
		case strings.ContainsFunc(text, unicode.IsControl):
			return refuse("", "it contains a control character")
		}
		*into = text
		return nil
	}
}

// label takes a name that stands unquoted in commands and metrics, as package config reads it.
func label(into *string, most int) func(string) error {
	return func(text string) error {
		if !isLabel(text) {
			return refuse(`use letters, digits, "-", "_" and ".", for example "fibre"`, "%q is not a name", text)
		}
		return plain(into, most)(text)
	}
}

func isLabel(text string) bool {
	return text != "" && !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, ".") &&
		!strings.ContainsFunc(text, func(r rune) bool { return !letter(r) && !strings.ContainsRune("._-", r) })
}

func letter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// domain takes a name of DNS, or none (RFC 1123 §2.1).
func domain(into *string) func(string) error {
	return func(text string) error {
		for part := range strings.SplitSeq(text, ".") {
			bad := part == "" || len(part) > 63 || strings.HasPrefix(part, "-") || strings.HasSuffix(part, "-") ||
				strings.ContainsFunc(part, func(r rune) bool { return !letter(r) && r != '-' && r != '_' })
			if text != "" && bad {
				return refuse(`for example "home.arpa"`, "%q is not a domain", text)
			}
		}
		return plain(into, 253)(text)
	}
}

// address takes the IPv4 address of one host.
func address(into *netip.Addr) func(string) error {
	return func(text string) error {
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() || !isHost(a) {
			return refuse(`for example "192.168.1.1"`, "%q is not an IPv4 address", text)
		}
		*into = a
		return nil
	}
}

func isHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// own takes an IPv4 address with the length of its network.
func own(into *netip.Prefix, least, most int) func(string) error {
	return func(text string) error {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil || !p.Addr().Is4() || !isHost(p.Addr()):
			return refuse(`for example "192.168.77.1/24"`, "%q is not an IPv4 address with the length of its network", text)
		case p.Bits() < least || p.Bits() > most:
			return refuse("", "the length must be /%d to /%d, not /%d", least, most, p.Bits())
		case edge(p, p.Addr()):
			return refuse("", "%s stands for the whole network %s", p.Addr(), p.Masked())
		}
		*into = p
		return nil
	}
}

// edge reports whether a is the network's or the broadcast address of p.
func edge(p netip.Prefix, a netip.Addr) bool {
	return p.Bits() < 31 && p.Contains(a) && (a == p.Masked().Addr() || !p.Contains(a.Next()))
}

func show(s fmt.Stringer, valid bool) string {
	if !valid {
		return ""
	}
	return s.String()
}
