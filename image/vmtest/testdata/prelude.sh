# What every feature begins with: three hosts in a row, left – middle – right, each link a /24 of 10.0.
set -eu
on() { ip netns exec "$@"; }
say() { echo "$*" && exit 1; }
ip -all netns delete
for host in left middle right; do
	ip netns add $host
	ip -n $host link set lo up
done
ip link add m0 netns left type veth peer name l0 netns middle
ip link add r0 netns middle type veth peer name m0 netns right
for link in left/m0/10.0.1.2 middle/l0/10.0.1.1 middle/r0/10.0.2.1 right/m0/10.0.2.2; do
	host=${link%%/*} rest=${link#*/}
	ip -n "$host" addr add "${rest#*/}/24" dev "${rest%/*}"
	ip -n "$host" link set "${rest%/*}" up
done
on middle sysctl -qw net.ipv4.ip_forward=1
ip -n left route add default via 10.0.1.1
ping() { # HOST ADDRESS COUNT: average round trip in milliseconds; the first ones also wait for ARP
	on "$1" ping -q -n -c "$3" -i 0.2 -W 2 "$2" | awk -F/ '/^rtt/ { print int($5) } / 100% packet loss/ { exit 1 }'
}
counted() { on middle nft list counter ip t "$1" | awk '/packets/ { print $2 }'; }
receive() { # HOST: what comes to its port 9, into /run/received
	[ -p /run/hold ] || mkfifo /run/hold
	exec 9<>/run/hold # an end of its input would end it
	on "$1" timeout 30 busybox nc -l -p 9 <&9 >/run/received &
	sleep 0.5
}
