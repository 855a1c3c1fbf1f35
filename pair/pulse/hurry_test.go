//go:build !race

package pulse

// hurry divides the simulated days but one.
const hurry = 1
