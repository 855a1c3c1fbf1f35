package main

import (
	"os/user"
	"testing"
)

func TestWebCage(t *testing.T) {
	own, shared := &user.User{Username: "twinpath-web"}, &user.User{Username: "nobody"}
	if c := webCage(own); c.Threads == 0 {
		t.Errorf("with an account of its own: %+v", c)
	}
	for _, who := range []*user.User{shared, nil} {
		if c := webCage(who); c.Threads != 0 {
			t.Errorf("with an account that others have, too: %+v", c)
		}
	}
}
