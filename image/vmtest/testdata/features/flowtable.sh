# The forward chain sees the first packets of a flow; the rest pass through the flow table.
ip -n right route add default via 10.0.2.1
on middle nft -f - <<END
table ip t {
	counter seen {}
	flowtable f { hook ingress priority 0; devices = { l0, r0 }; }
	chain forward { type filter hook forward priority 0; counter name seen; ip protocol tcp flow add @f; }
}
END
receive right
before=$(ip netns exec middle cat /sys/class/net/l0/statistics/rx_packets)
# Each write is a packet of its own: large ones would be merged.
on left sh -c 'i=0; while [ $i -lt 200 ]; do echo record $i; i=$((i + 1)); busybox usleep 5000; done | timeout 30 busybox nc 10.0.2.2 9'
wait
after=$(ip netns exec middle cat /sys/class/net/l0/statistics/rx_packets)
[ "$(wc -l </run/received)" = 200 ] || say "received $(wc -l </run/received) records of 200"
passed=$((after - before)) seen=$(counted seen)
echo "$passed packets came in, the forward chain saw $seen of both directions"
[ $passed -ge 100 ] && [ "$seen" -le 20 ] || say "nothing was offloaded"
