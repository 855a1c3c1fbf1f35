// Package alert tells the people of the house of incidents: once, at the right time, over whichever line works.
package alert
