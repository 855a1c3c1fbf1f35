! on left ping -q -c 2 -i 0.2 -W 1 10.0.2.2 || say "the right host knows the left network by itself"
on middle nft -f - <<END
table ip t {
	chain post { type nat hook postrouting priority 100; oifname r0 masquerade; }
}
END
ping left 10.0.2.2 3
