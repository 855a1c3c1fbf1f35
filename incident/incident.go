// Package incident tells stretches of trouble from single events: what began, how far the way out was sound, what carried the
// house meanwhile, and when it was over.
//
// Book is the machine: it takes in events and snapshots and says which incidents have changed, without clock, socket or
// goroutine. Recorder is its driver. Climb says from a look along a line how far the way out was sound.
package incident
