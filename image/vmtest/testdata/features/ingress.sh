# Incoming traffic is shaped on an ifb device that it is led through.
ip -n middle link add ifb0 type ifb
ip -n middle link set ifb0 up
tc -n middle qdisc add dev ifb0 root cake bandwidth 2mbit besteffort ingress
tc -n middle qdisc add dev l0 handle ffff: ingress
tc -n middle filter add dev l0 parent ffff: matchall action mirred egress redirect dev ifb0
ping left 10.0.1.1 3
tc -n middle -s qdisc show dev ifb0 | awk '/Sent/ { sent = $4 } END { print sent " packets through ifb0"; exit sent < 3 }'
