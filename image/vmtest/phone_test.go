package vmtest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// status is the daemon's of phone.sh.
const status = vm.Payload + "/twinpath status --socket /run/twinpath.sock --json"

// phone has a line come and go with a phone on USB: it is found by its socket whatever phone it is, it is metered without
// anybody having said so, and its device can be taken off and put on again.
func phone(t *testing.T, g *vm.Guest) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	run := func(command string) string {
		t.Helper()
		out, err := g.Run(ctx, command)
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return out
	}
	await := func(what, words string) {
		t.Helper()
		if out, err := g.Await(ctx, status+" | grep "+vm.Quote(words)); err != nil {
			log, _ := g.Run(t.Context(), "tail -n 40 /run/log; ip -br address; dmesg | tail")
			t.Fatalf("%s: %v\n%s\n%s", what, err, out, log)
		}
	}
	plug := func(name string, last byte) {
		t.Helper()
		if err := g.PlugPhone(ctx, name, 1, net.HardwareAddr{2, 0, 0, 0, 0xfa, last}); err != nil {
			t.Fatal(err)
		}
	}
	run(". " + vm.Payload + "/phone.sh")
	await("before there is a phone", "there is no interface usb:1-1")
	plug("one", 2)
	await("with a phone", `"state":"up"`)
	if got := run(status); !strings.Contains(got, `"interface":"usb0"`) || !strings.Contains(got, `"metered":true`) {
		t.Errorf("its line: %s", got)
	}
	out := run("unshare -m env TWINPATH_SANDBOX=bench TWINPATH_NEEDS=phone " + vm.Payload + "/kernel.test -test.v -test.timeout 2m -test.run ^TestARealPhone 2>&1")
	if !strings.Contains(out, "--- PASS") {
		t.Error(out)
	}
	await("after it was taken off and put on again", `"state":"up"`)
	if err := g.UnplugPhone(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	await("without the phone", "there is no interface usb:1-1")
	plug("another", 3)
	await("with another phone in the same socket", `"state":"up"`)
}
