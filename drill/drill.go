// Package drill rehearses the failure of a line: it proves that the one that would take over carries real traffic.
package drill
