# 500 kB at 2 Mbit/s are 2 s.
tc -n left qdisc add dev m0 root cake bandwidth 2mbit besteffort
receive middle
begin=$(date +%s%N)
head -c 500000 /dev/zero | on left timeout 30 busybox nc 10.0.1.1 9
wait
took=$((($(date +%s%N) - begin) / 1000000))
[ "$(wc -c </run/received)" = 500000 ] || say "received $(wc -c </run/received) bytes of 500000"
[ $took -ge 1700 ] && [ $took -lt 6000 ] || say "500 kB at 2 Mbit/s took $took ms"
echo "500 kB at 2 Mbit/s: $took ms"
