package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// virtioHeader is the bytes before each frame of a tap device with IFF_VNET_HDR, as it is opened.
const virtioHeader = 10

func TestForeignRouterHoldsTheCables(t *testing.T) {
	home := Default()
	home.Routers[0].Foreign = true
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	var names []string
	for _, p := range b.Ports() {
		names = append(names, p.Name)
	}
	if fmt.Sprint(names) != "[wan0 wan1 lan0]" {
		t.Fatalf("ports %v", names)
	}
	// The gateway of the first line answers an ARP request that comes out of the cable's end.
	wan := b.Ports()[0]
	gateway := h.Lines[0].Gateway().As4()
	request := make([]byte, virtioHeader, 64)
	request = append(request, bytes.Repeat([]byte{0xff}, 6)...)
	request = append(request, wan.MAC...)
	request = append(request, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1)
	request = append(request, wan.MAC...)
	request = append(request, 198, 51, 100, 50, 0, 0, 0, 0, 0, 0)
	request = append(request, gateway[:]...)
	_, err = wan.Tap.Write(request)
	must(t, err)
	answered := make(chan bool)
	go func() {
		frame := make([]byte, 2048)
		for {
			n, err := wan.Tap.Read(frame)
			if err != nil {
				return
			}
			f := frame[virtioHeader:n]
			if len(f) >= 42 && binary.BigEndian.Uint16(f[12:]) == 0x0806 && f[21] == 2 && bytes.Equal(f[28:32], gateway[:]) {
				answered <- true
				return
			}
		}
	}()
	select {
	case <-answered:
	case <-time.After(patience):
		t.Error("the gateway does not answer through the tap")
	}

	var news []string
	b.OnCable(func(port string, up bool) error { news = append(news, fmt.Sprint(port, up)); return nil })
	must(t, h.Cut("main", "lte"))
	must(t, h.Plug("main", "lte"))
	if fmt.Sprint(news) != "[wan1false wan1true]" {
		t.Errorf("told %v", news)
	}
}
