package incident

import (
	"testing"
	"time"
)

// The clauses are those of health and router, as they are.
func TestThePast(t *testing.T) {
	for clause, want := range map[string]string{
		"the ISP's first router does not answer (198.51.100.1)":                          "the ISP's first router did not answer (198.51.100.1)",
		"the ISP's first router answers, but nothing beyond it":                          "the ISP's first router answered, but nothing beyond it",
		"none of 4 checks answers":                                                       "none of 4 checks answered",
		"1.1.1.1 does not answer":                                                        "1.1.1.1 did not answer",
		"2 of 4 checks answer; 9.9.9.9 and 1.1.1.1 do not":                               "2 of 4 checks answered; 9.9.9.9 and 1.1.1.1 did not",
		"3 of 4 checks answer; 1.1.1.1 does not":                                         "3 of 4 checks answered; 1.1.1.1 did not",
		"3 of 4 checks answer; 9.9.9.9 does not answer DNS queries":                      "3 of 4 checks answered; 9.9.9.9 did not answer DNS queries",
		"3 of 4 checks answer; 9.9.9.9 alone does not answer: its fault, not the line's": "3 of 4 checks answered; 9.9.9.9 alone did not answer: its fault, not the line's",
		"1 of 4 checks answer, the others are being tried; 1.1.1.1 does not":             "1 of 4 checks answered, the others were being tried; 1.1.1.1 did not",
		"some far targets do not answer, others do":                                      "some far targets did not answer, others did",
		"nothing on the Internet answers":                                                "nothing on the Internet answered",
		"the Internet answers, but the name server does not":                             "the Internet answered, but the name server did not",
		"a login page answers instead of the Internet":                                   "a login page answered instead of the Internet",
		"no cable in wan0, or nothing behind it has power":                               "no cable in wan0, or nothing behind it had power",
		"there is no interface usb*":                                                     "there was no interface usb*",
		"wan0 is switched off":                                                           "wan0 was switched off",
		"asking for an address":                                                          "asking for an address",
		"nobody answers DHCP":                                                            "nobody answered DHCP",
		"no space left on device":                                                        "no space left on device",
		"check tcp 127.0.0.1:80 fails: connection refused":                               "check tcp 127.0.0.1:80 failed: connection refused",
		"2 of 2 checks answer again, 1 not for long enough yet":                          "2 of 2 checks answered again, 1 not for long enough yet",
		"this system's kernel cannot do PPPoE":                                           "this system's kernel could not do PPPoE",
		"no PPPoE server answers on wan0":                                                "no PPPoE server answered on wan0",
		"the ISP refuses the user name or the password":                                  "the ISP refused the user name or the password",
		"the ISP gives no address":                                                       "the ISP gave no address",
		"the ISP has ended the session":                                                  "the ISP had ended the session",
		"the PPPoE server BR1 opens a session, but says nothing in it":                   "the PPPoE server BR1 opened a session, but said nothing in it",
	} {
		if got := past(clause); got != want {
			t.Errorf("%q became %q, want %q", clause, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a second", 400 * time.Millisecond: "less than a second", time.Second: "1 s", 59*time.Second + 600*time.Millisecond: "1 min",
		252 * time.Second: "4 min 12 s", time.Hour: "1 h", time.Hour + 5*time.Second: "1 h", 3*time.Hour + 5*time.Minute: "3 h 5 min",
		24 * time.Hour: "1 day", 51 * time.Hour: "2 days 3 h", 48*time.Hour + time.Minute: "2 days",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 kB", 1: "1 kB", 999_999: "1000 kB", 38_400_000: "38 MB", 999_400_000: "999 MB", 1_200_000_000: "1.2 GB", 25_500_000_000: "26 GB",
	} {
		if got := bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
