package packaging_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twinpath/twinpath/lab"
)

// The house of these tests: a machine as its router with a line, an address shared with another router that has a line of its own, and
// a laptop whose gateway that address is.
var gateway = netip.MustParseAddr("192.168.1.1")

const mainConfig = `
[router]
name = "main"

[lan]
interface = "lan0"
address = "192.168.1.2/24"

[web]

[[wan]]
name = "fibre"
interface = "wan0"
kind = "static"
static = { address = "198.51.100.50/24", gateway = "198.51.100.1" }

  [[wan.check]]
  ping = "1.1.1.1"
  weight = 20

[[vrrp]]
name = "lan"
id = 51
interface = "lan0"
priority = 100
interval = "500ms"
addresses = ["192.168.1.1/24"]
on_change = "/usr/local/sbin/changed"

  [[vrrp.check]]
  process = "systemd-journal"
  weight = 0
`

// A script does in the sandbox what the manual says that it may.
const changedScript = `#!/bin/sh
set -e
echo "$TWINPATH_STATE" >>/var/lib/twinpath/changed
ip link add probe type bridge
ip link del probe
! touch /etc/changed
systemctl start changed
`

const changedUnit = `[Service]
Type=oneshot
ExecStart=touch /run/changed
`

// The backup is only a speaker of VRRP.
const backupConfig = `
[router]
name = "backup"

[[vrrp]]
name = "lan"
id = 51
interface = "lan0"
priority = 50
interval = "500ms"
addresses = ["192.168.1.1/24"]
`

// home is that house with what is measured of it.
type home struct {
	*lab.House
	*machine
	laptop  *lab.Device
	holders *lab.Holders
}

// build lays the house's cables and boots its router.
func buildHome(t *testing.T, suite string) *home {
	t.Helper()
	tag := suite[:1] + "-"
	h, err := lab.Build(t.Context(), lab.Home{
		Tag:  tag,
		ISPs: []lab.ISP{{Name: "fibre", Network: "198.51.100.0/24"}},
		Routers: []lab.Router{
			{Name: "main", WANs: []string{"fibre"}, LAN: "192.168.1.2/24"},
			{Name: "backup", LAN: "192.168.1.3/24"},
		},
		Clients: []lab.Client{{Name: "laptop", Address: "192.168.1.100/24", Gateway: gateway.String()}},
	})
	must(t, err)
	t.Cleanup(h.Close)
	holders, err := h.Watch(gateway)
	must(t, err)
	return &home{House: h, machine: boot(t, suite, tag+"main"), laptop: h.Devices[0], holders: holders}
}

// takes waits until one router alone has the gateway's address.
func (h *home) takes(t *testing.T, name string) {
	t.Helper()
	h.await(t, 20*time.Second, "the gateway is "+name+":\n"+h.holders.Story(), func() bool {
		_, _ = h.laptop.Seen(t.Context()) // a house is never silent: it shows a starting router that it hears
		return slices.Equal(h.holders.Now(), []string{name})
	})
}

// write puts a file into the machine.
func (h *home) write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(h.shared, "file"), []byte(text), 0o600))
	h.run(t, "cp /mnt/file "+path)
}

// second starts the other router, outside of any Debian root, with the same program.
func (h *home) second(t *testing.T, deb string) *lab.Box {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v: %s", deb, err, out)
	}
	b := h.Boxes[1]
	must(t, b.Raise())
	must(t, b.Start(t.Context(), filepath.Join(dir, "usr/bin/twinpath"), backupConfig))
	return b
}

// calm is a call and a connection of the house while something happens that it must not notice.
type calm struct {
	from   time.Time
	call   *lab.UDPProbe
	stream *lab.Stream
}

func (h *home) calm(t *testing.T) calm {
	t.Helper()
	h.await(t, 10*time.Second, "the house is online", func() bool { _, err := h.laptop.Seen(t.Context()); return err == nil })
	call, err := h.laptop.StartUDP(lab.UDPInterval)
	must(t, err)
	stream, err := h.laptop.StartStream(t.Context(), lab.StreamInterval)
	must(t, err)
	return calm{time.Now(), call, stream}
}

// unnoticed ends it: nothing lost, nothing cut, and the gateway was never away.
func (h *home) unnoticed(t *testing.T, c calm, what string) {
	t.Helper()
	call, stream, times := c.call.Stop(), c.stream.Stop(), h.holders.Since(c.from)
	t.Logf("%s: UDP %s; TCP %s; gateway %s", what, call, stream, times)
	if call.Lost > 0 || stream.Cause != nil || times.Changes > 0 {
		t.Errorf("%s was noticed", what)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
