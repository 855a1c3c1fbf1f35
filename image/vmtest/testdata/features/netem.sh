ping left 10.0.1.1 2 >/dev/null
before=$(ping left 10.0.1.1 5)
tc -n left qdisc add dev m0 root netem delay 200ms
after=$(ping left 10.0.1.1 5)
[ $((after - before)) -ge 150 ] && [ $((after - before)) -lt 400 ] || say "round trip $before ms, with 200 ms more $after ms"
tc -n left qdisc replace dev m0 root netem loss 100%
! on left ping -q -c 2 -i 0.2 -W 1 10.0.1.1 || say "pings pass where all are lost"
echo "round trip $before ms, with netem delay 200ms $after ms"
