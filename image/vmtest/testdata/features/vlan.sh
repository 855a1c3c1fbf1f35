ip -n left link add link m0 name m0.7 type vlan id 7
ip -n middle link add link l0 name l0.7 type vlan id 7
ip -n left addr add 10.7.0.2/24 dev m0.7
ip -n middle addr add 10.7.0.1/24 dev l0.7
ip -n left link set m0.7 up
ip -n middle link set l0.7 up
ping left 10.7.0.1 3
ip -n middle link set l0.7 down
! on left ping -q -c 2 -i 0.2 -W 1 10.7.0.1 || say "the tag makes no difference"
