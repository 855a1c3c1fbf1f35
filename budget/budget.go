// Package budget counts what metered lines carry and says when it becomes too much.
package budget
