// Package wizard is the questions that lead to a configuration: it proposes answers from what the ports lead to, takes
// what is good of the owner's, and writes the commented TOML of docs/configuration.md.
//
// It is pure: the web pages and "twinpath wizard" ask, package config judges what comes out.
package wizard
