package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// ways picks the WANs that the ruleset can name.
func ways(wans []WAN) []way {
	var found []way
	for _, w := range wans {
		known := slices.ContainsFunc(found, func(f way) bool { return f.Mark == w.Mark })
		if nameable(w.Device) && w.Mark&MarkMask != 0 && w.Mark&^MarkMask == 0 && !known {
			found = append(found, way{WAN: w, word: word(w)})
		}
	}
	return found
}

// nameables picks the interfaces that the ruleset can name.
func nameables(devices []string) []string {
	var found []string
	for _, device := range devices {
		if nameable(device) {
			found = append(found, device)
		}
	}
	return found
}

// nameable says whether a kernel interface name can be written in nft text: quotes would end it,
// an asterisk would make it a pattern.
func nameable(device string) bool {
	if device == "" || len(device) > 15 { // IFNAMSIZ − 1
		return false
	}
	return !strings.ContainsFunc(device, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"*\/`, r) })
}

// word makes a WAN's name part of an nft identifier. Names that are none get their WAN's number behind a
// dot, which no other word has.
func word(w WAN) string {
	plain := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, w.Name)
	if plain == w.Name && plain != "" && len(plain) <= 32 { // far below the kernel's 255, still readable
		return plain
	}
	return fmt.Sprintf("%.32s.%d", plain, w.Mark>>8)
}
