// Package health decides from probes whether a way to the Internet works.
//
// Machine is the decision (pure: no clock, no socket), Hold the hold-down of a WAN that keeps flapping.
// Monitor drives one Machine per WAN; NetProber sends its probes and owns their sockets. Diagnose
// looks once, when something broke, for the first broken thing.
package health
