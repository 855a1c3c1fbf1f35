package main

import (
	"strconv"
	"strings"

	"github.com/twinpath/twinpath/config/outline"
)

// withPassword returns a configuration with another bcrypt hash in it and nothing else changed.
func withPassword(text, hash string) string {
	line := "password = " + strconv.Quote(hash)
	o := outline.Of(text)
	if at, there := o.Spans["web.password"]; there {
		return text[:at.Value] + strconv.Quote(hash) + text[at.End:]
	}
	for _, h := range o.Headers {
		if h.Path == "web" {
			head := text[:h.Body]
			if !strings.HasSuffix(head, "\n") {
				head += "\n"
			}
			return head + line + "\n" + text[h.Body:]
		}
	}
	return strings.TrimRight(text, "\n") + "\n\n[web]\n" + line + "\n"
}
