package main

import (
	"os/user"
	"slices"
	"testing"
)

func TestWebCage(t *testing.T) {
	own, shared := &user.User{Username: "twinpath-web"}, &user.User{Username: "nobody"}
	if c := webCage(false, own); len(c.Connect) != 0 || c.Threads == 0 {
		t.Errorf("alone: %+v", c)
	}
	if c := webCage(true, shared); !slices.Equal(c.Connect, []uint16{80}) || c.Threads != 0 {
		t.Errorf("of a pair, with an account that others have, too: %+v", c)
	}
	if c := webCage(false, nil); len(c.Connect) != 0 || c.Threads != 0 {
		t.Errorf("nobody known: %+v", c)
	}
}
