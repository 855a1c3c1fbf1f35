package lab

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestHomeAutomationSeesTheState has a broker in the house told of an outage at once, before anybody is written to, and of the router's end.
func TestHomeAutomationSeesTheState(t *testing.T) {
	t.Parallel()
	h, b, _ := tellingHome(t, quick()+alerting+`
[[alert.to]]
url = "mqtt://twinpath:mosquitoes-bite@192.168.1.100:1883/house"
`)
	broker, err := h.OpenBroker(t.Context(), h.Devices[0])
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second) // the router may have tried in vain a few times
	defer cancel()
	_, err = broker.Await(ctx, "/state", 1)
	must(t, err)
	for _, entity := range []string{"binary_sensor/twinpath_main/problem", "sensor/twinpath_main/fibre_state", "sensor/twinpath_main/lte_rtt"} {
		if found := broker.Read("homeassistant/" + entity + "/config"); len(found) == 0 {
			t.Errorf("Home Assistant does not find %s", entity)
		}
	}
	if said := broker.Read("/state"); !strings.Contains(said[0], `"active":"fibre"`) || !strings.Contains(said[0], `"problem":false`) {
		t.Errorf("at first: %s", said[0])
	}
	cut := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	for n := 1; ; n++ {
		said, err := broker.Await(ctx, "/state", n)
		must(t, err)
		if line := said[n-1]; strings.Contains(line, `"active":"lte"`) && strings.Contains(line, `"problem":true`) {
			break
		}
	}
	t.Logf("told %s after the cut", time.Since(cut).Round(10*time.Millisecond))
	if told := broker.Read("house/message"); len(told) > 0 {
		t.Errorf("people were told before: %q", told)
	}
	must(t, b.Stop())
	if said, err := broker.Await(ctx, "/status", 2); err != nil || !strings.HasSuffix(said[1], " offline") {
		t.Errorf("at the end: %q, %v", said, err)
	}
}
