package link

import (
	"bytes"
	"testing"
)

func FuzzMessages(f *testing.F) {
	f.Add(appendMessage(nil, Flows, []byte("a flow")))
	f.Add(appendMessage(appendMessage(nil, greeting, []byte(`{"protocol":1}`)), bye, []byte("it ends")))
	f.Add([]byte{3, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		for {
			kind, body, err := readMessage(r, biggestFirst)
			if err != nil {
				return
			}
			if len(body) > biggestFirst {
				t.Fatalf("a body of %d bytes", len(body))
			}
			again, same, err := readMessage(bytes.NewReader(appendMessage(nil, kind, body)), biggestFirst)
			if err != nil || again != kind || !bytes.Equal(same, body) {
				t.Fatalf("%d %q is read as %d %q: %v", kind, body, again, same, err)
			}
		}
	})
}

func FuzzGreeting(f *testing.F) {
	l := New(newAir(), Events{}, nil)
	f.Add(l.greeting(newEnd(newAir(), low, high).settings))
	f.Add([]byte(`{"protocol":2,"least":1,"more":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, version, err := l.agree(body); err == nil && (version < least || version > protocol) {
			t.Fatalf("%q: version %d", body, version)
		}
	})
}
