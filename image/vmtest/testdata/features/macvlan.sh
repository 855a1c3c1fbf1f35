ip netns add virtual # a host of its own, or m0 answers for it
ip -n left link add link m0 name v0 address 00:00:5e:00:01:33 netns virtual type macvlan mode private
ip -n virtual addr add 10.0.1.9/24 dev v0
ip -n virtual link set v0 up
ping middle 10.0.1.9 3
neighbour=$(ip -n middle neigh show 10.0.1.9)
echo "$neighbour"
case $neighbour in *00:00:5e:00:01:33*) ;; *) say "not with the virtual MAC address" ;; esac
