package main

import (
	"testing"

	"github.com/twinpath/twinpath/config"
)

func TestWithPassword(t *testing.T) {
	const old, hash = "$2a$10$XxznlxtEwUWoRtPxEe/K9OYoBrCAmIrP230DN8bcn4EpktrbANrNu", "$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	const lan = "[lan]\ninterface = \"lan0\" # mine\naddress = \"192.168.1.2/24\"\n"
	for name, c := range map[string][2]string{
		"replaced":         {lan + "[web]\nnames = [\"a.example\"]\npassword   = '" + old + "' # hers\n[router]\n", lan + "[web]\nnames = [\"a.example\"]\npassword   = \"" + hash + "\" # hers\n[router]\n"},
		"inserted":         {lan + "[web] # here\nnames = [\"a.example\"]\n", lan + "[web] # here\npassword = \"" + hash + "\"\nnames = [\"a.example\"]\n"},
		"at the end":       {lan + "[web]", lan + "[web]\npassword = \"" + hash + "\"\n"},
		"inline":           {"web = { password = \"" + old + "\" }\n" + lan, "web = { password = \"" + hash + "\" }\n" + lan},
		"without sections": {lan, lan + "\n[web]\npassword = \"" + hash + "\"\n"},
	} {
		got := withPassword(c[0], hash)
		if got != c[1] {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c[1])
		}
		cfg, problems := config.Parse(name, []byte(got))
		if len(problems) > 0 || cfg.Web.Password != hash {
			t.Errorf("%s: %v, password %q in\n%s", name, problems, cfg.Web.Password, got)
		}
	}
}
