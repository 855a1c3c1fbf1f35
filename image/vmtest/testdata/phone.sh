# A line over a phone: its provider is a namespace at the far end, the daemon runs in the machine itself.
set -eu
for module in virtio_net xhci_pci usbnet cdc_ether rndis_host; do
	modprobe $module # nobody else does: the bench has no udev
done
ip link set lo up
ip netns add isp
ip -n isp link set lo up
for way in /sys/class/net/*; do
	name=${way##*/}
	if [ "$(cat "$way/address")" = 02:00:00:00:fa:01 ]; then ip link set "$name" netns isp name air; fi
done
ip -n isp link set air up
ip -n isp addr add 203.0.113.1/24 dev air
ip -n isp addr add 1.1.1.1/32 dev lo
ip netns exec isp dnsmasq --conf-file=/dev/null --port=0 --interface=air --dhcp-range=203.0.113.100,203.0.113.199,1h --dhcp-leasefile=/run/leases --pid-file=/run/isp.pid
cat >/run/twinpath.toml <<'END'
[router]
name = "main"

[[wan]]
name      = "phone"
interface = "usb:1-1"
kind      = "dhcp"

  [wan.health]
  interval = "500ms"
  rise     = 2

  [[wan.check]]
  ping = "1.1.1.1"
END
mkdir -p /run/state
/bench/twinpath run --config /run/twinpath.toml --state /run/state --socket /run/twinpath.sock </dev/null >/run/log 2>&1 &
