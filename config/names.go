package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// word reads a name of letters, digits and ". _ -": it goes into nft comments, metrics and commands unquoted.
func (v value) word(limit int) string {
	text := v.text(limit)
	if strings.Trim(text, lower+upper+digits+"._-") != "" || strings.HasPrefix(text, "-") || strings.HasPrefix(text, ".") {
		v.problem("use letters, digits, \"-\", \"_\" and \".\", for example \"fibre\"", "%s is not a name", quote(text))
		return ""
	}
	return text
}

// hostName reads a name that DNS knows: labels of at most 63 letters, digits and hyphens (RFC 1123 §2.1).
func (v value) hostName() string {
	text := v.text(253)
	if text != "" && !isHostName(text) {
		v.problem("use letters, digits and \"-\"", "%s is not a host name", quote(text))
		return ""
	}
	return text
}

func isHostName(text string) bool {
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, lower+upper+digits+"-_") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

// isTarget reports whether text is an address or a name that a check can reach.
func isTarget(text string) bool {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast()
	}
	// "1.1.1" or "300.1.1.1" is a mistyped address, not a name: no top-level domain is a number (RFC 3696 §2).
	last := text[strings.LastIndexByte(text, '.')+1:]
	return isHostName(text) && strings.Trim(last, digits) != ""
}

// target reads the target of a ping: an address or a name.
func (v value) target() string {
	text := v.text(253)
	if text != "" && !isTarget(text) {
		v.problem(`for example "1.1.1.1"`, "%s is not an address or a name", quote(text))
		return ""
	}
	return text
}

// endpoint reads "9.9.9.9:443".
func (v value) endpoint() string {
	text := v.text(260)
	if text == "" {
		return ""
	}
	host, p, err := net.SplitHostPort(text)
	if err != nil || !isTarget(host) || port(p) == 0 {
		v.problem(`for example "9.9.9.9:443" or "[2620:fe::fe]:443"`, "%s is not an address and a port", quote(text))
		return ""
	}
	return text
}

// page reads the URL of an HTTP check.
func (v value) page() string {
	text := v.text(2048)
	if text == "" {
		return ""
	}
	const hint = `for example "http://connectivitycheck.gstatic.com/generate_204"`
	u, err := url.Parse(text)
	switch {
	case err != nil:
		v.problem(hint, "%s is not a URL", quote(text))
	case u.Scheme != "http" && u.Scheme != "https" || !isTarget(u.Hostname()):
		v.problem(hint, "%s is not an http:// or https:// URL", quote(text))
	case u.Port() != "" && port(u.Port()) == 0:
		v.problem("", "%s names no valid port", quote(text))
	case u.User != nil:
		v.problem("", "a check sends no password; leave it out of the URL")
	default:
		return text
	}
	return ""
}
