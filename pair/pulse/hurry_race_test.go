//go:build race

package pulse

// hurry divides the simulated days but one: the race detector makes them ten times as long, and finds nothing in a machine without goroutines.
const hurry = 24
