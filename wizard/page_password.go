package wizard

import (
	"strings"
)

// Shortest is how many characters a password has at least (BSI TR-03148); longest how many bytes bcrypt looks at.
const shortest, longest = 8, 72

// passwordFields asks for the owner's password twice. The draft never has it, only its hash.
func (d *Draft) passwordFields(f Facts) []field {
	help := "For this page. At least 8 characters; without it nobody can change anything here."
	if d.Password != "" {
		help = "Empty: it stays as it is."
	}
	return []field{
		{Question: Question{ID: "password.one", Ask: "Your password", Help: help, Kind: Secret, Optional: d.Password != ""},
			take: func(text string) error { return d.goodPassword(text, f) }},
		{Question: Question{ID: "password.two", Ask: "The same again", Kind: Secret, Optional: d.Password != ""},
			take: func(text string) error { return d.takePassword(text, f) }},
	}
}

func (d *Draft) goodPassword(text string, f Facts) error {
	same := func(a, b string) bool { return b != "" && plainCode(a) == plainCode(b) }
	switch {
	case len([]rune(text)) < shortest:
		return refuse("several words are easy to remember", "it is shorter than %d characters", shortest)
	case len(text) > longest:
		return refuse("", "it is %d bytes long: at most %d", len(text), longest)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return refuse("", "it contains a control character")
	case same(text, d.House.Name), same(text, f.Hostname):
		return refuse("", "it is the router's name")
	case same(text, f.Claim):
		return refuse("it was on the screen for everybody to see", "it is the code of the first start")
	}
	return nil
}

// plainCode is a code as people may type it: without regard to case, hyphens and spaces.
func plainCode(text string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
}

func (d *Draft) takePassword(text string, f Facts) error {
	switch {
	case d.typed != text:
		return refuse("", "the two are not the same")
	case d.goodPassword(text, f) != nil:
		return nil // it is said at the first
	case f.Hash == nil:
		return refuse("", "no password can be set here")
	}
	hash, err := f.Hash(text)
	if err != nil {
		return refuse("", "%v", err)
	}
	d.Password, d.typed = hash, ""
	return nil
}
