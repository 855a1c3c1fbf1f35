package config

import (
	"strings"
	"testing"
)

// TestSecretsStayOutOfProblems writes a secret in every wrong way at every place that takes one.
func TestSecretsStayOutOfProblems(t *testing.T) {
	wrong := []string{
		`5ecretw0rd`, `x://5ecretw0rd`, `"5ecretw0rd`, `"5ecretw0rd\q"`, `["5ecretw0rd"]`, `{ a = "5ecretw0rd" }`, `"5ecretw0rd\u0000"`, `5`,
		`"5ecretw0rd" "`, `055ecretw0rd`, `05`, `""`, `"5ecretw0rd://5ecretw0rd\n"`, `"5ecretw0rd` + strings.Repeat("x", 5000) + `"`,
	}
	for place, head := range map[string]string{
		"pppoe":          "[[wan]]\nname = \"a\"\ninterface = \"b\"\n[wan.pppoe]\nuser = \"u\"\npassword = ",
		"pppoe itself":   "[[wan]]\nname = \"a\"\ninterface = \"b\"\npppoe = ",
		"web":            "[web]\nlisten = \"192.0.2.1:80\"\npassword = ",
		"pair":           "[pair]\npeer = \"192.0.2.1\"\nsecret = ",
		"pair itself":    "pair = ",
		"alert":          "[[alert.to]]\nurl = ",
		"heartbeat":      "[alert]\nheartbeat = ",
		"WAN heartbeat":  "[[wan]]\nname = \"a\"\ninterface = \"b\"\nheartbeat = ",
		"alert itself":   "[alert]\nto = ",
		"vrrp":           "[[vrrp]]\nname = \"a\"\nid = 1\n[vrrp.auth]\nkind = \"hmac\"\nkey = ",
		"vrrp, several":  "[[vrrp]]\nname = \"a\"\nid = 1\n[vrrp.auth]\nkind = \"hmac\"\nactive = 1\nkeys = ",
		"vrrp itself":    "[[vrrp]]\nname = \"a\"\nid = 1\nauth = ",
		"an inline pair": "pair = { peer = \"192.0.2.1\", secret = ",
	} {
		for _, value := range wrong {
			_, problems := Parse("f", []byte(head+value+"\n"))
			if text := problems.Error(); len(problems) == 0 || strings.Contains(text, "5ecret") || strings.Contains(text, "w0rd") {
				t.Errorf("%s %s: %q", place, value[:min(40, len(value))], text)
			}
		}
	}
}
