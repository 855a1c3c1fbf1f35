// Package incident tells stretches of trouble from single events: what began, how far the way out was sound, what carried the
// house meanwhile, and when it was over.
package incident
