package config

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

const oneWAN = "[[wan]]\nname = \"a\"\ninterface = \"eth1\"\n"

const twoWANs = oneWAN + "[[wan]]\nname = \"b\"\ninterface = \"eth2\"\n"

func TestDrillDefaults(t *testing.T) {
	usual := router.Drill{On: true, Day: time.Sunday, At: 4*time.Hour + 10*time.Minute, Fetch: defaultFetch, Name: "speed.cloudflare.com"}
	off := usual
	off.On, off.Day, off.At = false, 0, 0
	own := usual
	own.Day, own.At, own.Fetch, own.Name = time.Wednesday, 23*time.Hour+59*time.Minute, "http://192.0.2.1:8080/big", "example.org"
	for text, want := range map[string]router.Drill{
		"":      {},
		oneWAN:  off, // a single line
		twoWANs: usual,
		"[[vrrp]]\nname = \"v\"\nid = 1\ninterface = \"eth0\"\naddresses = [\"192.0.2.9\"]\n":                        {},
		twoWANs + "[drill]\nweekly = \"off\"\n":                                                                      off,
		twoWANs + "[drill]\nweekly = \"wed 23:59\"\nfetch = \"http://192.0.2.1:8080/big\"\nname = \"example.org\"\n": own,
	} {
		cfg, problems := Parse("f", []byte(text))
		if len(problems) > 0 || cfg.Drill != want {
			t.Errorf("%q: %+v, %v, want %+v", text, cfg.Drill, problems, want)
		}
	}
}

func TestBadDrills(t *testing.T) {
	for line, want := range map[string]string{
		`weekly = true`:                  `must be text, not true`,
		`weekly = "sunday"`:              `"sunday" is not a day and a time`,
		`weekly = "sun 4 o'clock"`:       `"sun 4 o'clock" is not a day and a time`,
		`weekly = "sun 24:00"`:           `"sun 24:00" is not a day and a time`,
		`fetch = "ftp://example.org/"`:   `"ftp://example.org/" is not an http:// or https:// URL`,
		`fetch = "https://u:p@a.org/x"`:  `a rehearsal sends no password; leave it out of the URL`,
		`fetch = "https://a.org:70000/"`: `"https://a.org:70000/" names no valid port`,
		`name = "a b"`:                   `"a b" is not a host name`,
		`daily = 1`:                      `is not a known key`,
	} {
		_, problems := Parse("f", []byte(twoWANs+"[drill]\n"+line+"\n"))
		if len(problems) != 1 || problems[0].What != want || problems[0].Line != 8 {
			t.Errorf("%s: %v, want %q", line, fmt.Sprint(problems), want)
		}
	}
}
