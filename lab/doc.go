// Package lab builds homes in network namespaces: an Internet, its providers, routers and the devices
// of a house, all on the real kernel. It pulls cables, silences providers and measures what a device
// felt. "twinpath lab", the integration tests and the benchmarks share it.
//
// A Home is the description in a few lines of Go, a House is what Build makes of it. Its parts are a
// Line for each provider, a Box for each router and a Device for each client; every one of them is a
// namespace that "ip netns exec NAME" finds too. Build refuses to work outside the sandbox.
//
// Several boxes on one LAN may share addresses by VRRP: Twinpath, keepalived and FRR can each be a Box's daemon. A Recorder
// writes down who announces what, and Holders who has an address.
package lab
