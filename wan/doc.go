// Package wan gets and keeps the lease of each way to the Internet.
//
// A Client speaks for one WAN: DHCP, PPPoE, Static or Peer. It reports an Update whenever its lease or the
// reason for having none changes; the router owns what becomes of it in the kernel. The DHCP client is
// a Machine without clock and socket (RFC 2131, 2132, 3442, 5227), driven by DHCP. PPPoE keeps one pppd, whose sessions outlive
// the daemon.
package wan
