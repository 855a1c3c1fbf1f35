package link

import (
	"fmt"
	"strings"
	"testing"
)

// What the other router says of itself is shown to people and given to the kernel.
func TestAnOddGreeting(t *testing.T) {
	l := New(newAir(), Events{}, nil)
	const good = `"protocol":1,"least":1,"instance":"x"`
	for name, odd := range map[string]string{
		"an address of another kind": `"mac":"02:00:00:00:00:01:02:03"`,
		"everybody's address":        `"mac":"ff:ff:ff:ff:ff:ff"`,
		"no address":                 `"mac":"lan0"`,
		"not of the link":            `"link_local":"2001:db8::1"`,
		"of a zone":                  `"link_local":"fe80::1%lan0"`,
		"of IPv4":                    `"link_local":"169.254.0.1"`,
		"backwards":                  `"beat":-1`,
		"once in a century":          `"beat":9223372036854775807`,
	} {
		if theirs, _, err := l.agree(fmt.Appendf(nil, "{%s,%s}", good, odd)); err == nil {
			t.Errorf("%s: taken as %+v", name, theirs)
		}
	}
	theirs, _, err := l.agree(fmt.Appendf(nil, `{%s,"router":"%s\u001b[2J","version":"1\n2","mac":"02:00:00:00:00:01","link_local":"fe80::1","beat":50000000}`, good, strings.Repeat("ä", 1000)))
	if err != nil || len([]rune(theirs.Router)) > 200 || strings.ContainsAny(theirs.Router+theirs.Version, "\x1b\n") {
		t.Errorf("%v: it is called %q, version %q", err, theirs.Router, theirs.Version)
	}
	if text := byeError("it ends\x1b[2J\n").Error(); strings.ContainsAny(text, "\x1b\n") {
		t.Errorf("it says good-bye with %q", text)
	}
}
