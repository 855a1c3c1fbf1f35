modprobe -a pppoe ppp_async ppp_synctty 2>/dev/null || modprobe pppoe
mkdir -p /etc/ppp
printf 'house@isp * secret *\n' >/etc/ppp/pap-secrets
printf 'require-pap\nlcp-echo-interval 10\nlcp-echo-failure 3\nnobsdcomp\nnoccp\n' >/etc/ppp/pppoe-server-options
chmod +x /bench/pppoe /bench/pppoe-server
ln -sf /bench/pppoe /usr/sbin/pppoe
on middle /bench/pppoe-server -F -I l0 -L 10.66.0.1 -R 10.66.0.10 -N 4 -C concentrator >/run/server 2>&1 &
server=$!
begin=$(date +%s%N)
on left pppd plugin pppoe.so nic-m0 user house@isp password secret noauth nodetach ifname ppp-wan noipdefault usepeerdns \
	persist holdoff 1 maxfail 10 >/run/client 2>&1 &
client=$!
tries=0
until ip -n left -4 addr show dev ppp-wan 2>/dev/null | grep -q inet; do
	kill -0 $client 2>/dev/null && [ $tries -lt 100 ] || { cat /run/client /run/server; say "no session"; }
	tries=$((tries + 1))
	sleep 0.2
done
echo "session after $((($(date +%s%N) - begin) / 1000000)) ms"
ping left 10.66.0.1 3
ip -n left link show dev ppp-wan >/run/link
cat /run/link
grep -q 'mtu 1492' /run/link
kill $client $server
wait
