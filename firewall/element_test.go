package firewall

import (
	"net/netip"
	"strings"
	"testing"
)

func texts(list []Element) string {
	var words []string
	for _, e := range list {
		words = append(words, e.Text)
	}
	return strings.Join(words, " ")
}

func TestPrefixesMerge(t *testing.T) {
	for _, c := range []struct{ in, four, six string }{
		{"", "", ""},
		{"10.0.0.0/8 10.1.0.0/16", "10.0.0.0/8", ""},
		{"10.0.1.0/24 10.0.0.0/24", "10.0.0.0/23", ""},
		{"10.0.1.0/24 10.0.2.0/24", "10.0.1.0-10.0.2.255", ""},
		{"10.0.0.5/24", "10.0.0.0/24", ""},
		{"10.0.0.5/32 fd00::1/128", "10.0.0.5", "fd00::1"},
		{"0.0.0.0/0 255.255.255.255/32", "0.0.0.0/0", ""},
		{"fd00::/64 ::/0", "", "::/0"},
		{"10.0.0.0/24 10.0.2.0/24", "10.0.0.0/24 10.0.2.0/24", ""},
	} {
		var list []netip.Prefix
		for _, word := range strings.Fields(c.in) {
			list = append(list, netip.MustParsePrefix(word))
		}
		if four, six := prefixes(list); texts(four) != c.four || texts(six) != c.six {
			t.Errorf("%q becomes %q and %q, want %q and %q", c.in, texts(four), texts(six), c.four, c.six)
		}
	}
}

func TestPortsMerge(t *testing.T) {
	for _, c := range []struct {
		in   []PortRange
		want string
	}{
		{nil, ""},
		{[]PortRange{{443, 443}, {80, 80}}, "80 443"},
		{[]PortRange{{81, 99}, {80, 80}, {90, 95}}, "80-99"},
		{[]PortRange{{65535, 65535}, {0, 65534}}, "0-65535"},
		{[]PortRange{{80, 0}}, "80"},
		{[]PortRange{{1, 5}, {7, 9}}, "1-5 7-9"},
	} {
		if got := texts(ports(c.in)); got != c.want {
			t.Errorf("%v becomes %q, want %q", c.in, got, c.want)
		}
	}
}

func TestWordsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i, name := range []string{"ab", "a b", "a.b", "a_b", "", "ü", "a b.2", strings.Repeat("a", 40)} {
		w := word(WAN{Name: name, Mark: MarkOf(i)})
		if seen[w] {
			t.Errorf("%q has the word %q of another WAN", name, w)
		}
		seen[w] = true
	}
}
