package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/web"
)

func TestTestedChannels(t *testing.T) {
	var out bytes.Buffer
	good := web.TestedChannel{Name: "ntfy://ntfy.sh/…"}
	if err := printTested(&out, []web.TestedChannel{good}); err != nil || out.String() != "ntfy://ntfy.sh/…: ok\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	bad := web.TestedChannel{Name: "smtp://mail.example/…", Error: "send to smtp://mail.example/…: no answer within 30s"}
	err := printTested(&out, []web.TestedChannel{bad, good})
	var said saidError
	if !errors.As(err, &said) || said != no || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := printTested(&out, nil); err == nil || !strings.Contains(err.Error(), "hint: name a channel") {
		t.Errorf("nobody: %v", err)
	}
	if o := play(t.Context(), "alert", "sing"); o.status != misused || !strings.Contains(o.err, `"sing" is nothing`) {
		t.Errorf("%+v", o)
	}
}
