// Package inet6 gets and keeps the IPv6 of one WAN: its router, our address on the line, and the prefixes for the house.
//
// A Machine without clock and socket listens to routers (discovery: RFC 4861, 4862, 8106) and speaks DHCPv6 (exchange: RFC 9915);
// Client drives it. The two halves know of each other only what a person would tell: a router that has come, a network that has changed.
package inet6
