//go:build race

package store

const days = 15
