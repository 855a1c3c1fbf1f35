on middle nft -f - <<END
table ip t {
	counter strangers {}
	chain pre { type filter hook prerouting priority 0; fib saddr . iif oif missing counter name strangers drop; }
}
END
ping left 10.0.1.1 3
[ "$(counted strangers)" = 0 ] || say "the neighbour counts as a stranger"
ip -n left addr add 10.9.9.9/32 dev lo
! on left ping -q -c 3 -i 0.2 -W 1 -I 10.9.9.9 10.0.1.1 || say "a stranger is answered"
[ "$(counted strangers)" = 3 ] || say "$(counted strangers) strangers, want 3"
