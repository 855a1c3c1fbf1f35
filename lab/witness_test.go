package lab

import (
	"testing"
)

// TestWitness has the switch see a packet that crosses, and one that goes in circles.
func TestWitness(t *testing.T) {
	t.Parallel()
	h, err := Build(t.Context(), houseHome())
	must(t, err)
	t.Cleanup(h.Close)
	main, backup, laptop := h.Boxes[0], h.Boxes[1], h.Devices[0]
	w, err := h.Witness(main, backup)
	must(t, err)
	must(t, main.SetUp(ByHand{ISP: "fibre"}))
	must(t, backup.SetUp(ByHand{ISP: "lte", Masquerade: true}))
	must(t, ip(main.space, "addr add 192.168.1.1/24 dev lan0\nroute replace default via 192.168.1.3"))
	online(t, laptop)
	c, err := w.Count()
	must(t, err)
	if c.There == 0 || c.Back+c.Twice > 0 {
		t.Errorf("main sends all to backup: %+v", c)
	}
	must(t, ip(backup.space, "route replace default via 192.168.1.2"))
	if _, err := laptop.Seen(t.Context()); err == nil {
		t.Error("online in a circle")
	}
	c, err = w.Count()
	must(t, err)
	if c.Back == 0 || c.Twice < 10 {
		t.Errorf("in a circle: %+v", c)
	}
}
