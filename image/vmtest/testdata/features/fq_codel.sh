tc -n left qdisc add dev m0 root fq_codel
ping left 10.0.1.1 3
tc -n left -s qdisc show dev m0 >/run/queue
cat /run/queue
awk '/^qdisc fq_codel/ { yes = 1 } /Sent/ { sent = $4 } END { exit !(yes && sent >= 3) }' /run/queue
