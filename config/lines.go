package config

import (
	"strings"

	"github.com/twinpath/twinpath/config/outline"
)

// index says on which line a key stands: "wan[1].check[0].weight" → 27. Elements of arrays have a line too.
type index map[string]int

// lineIndex reads text, which the TOML decoder has accepted, only for the places of its keys.
func lineIndex(text string) index {
	spans := outline.Of(text).Spans
	lines := make(index, len(spans))
	for path, span := range spans {
		lines[path] = span.Line
	}
	return lines
}

// of returns the line of path, or of the nearest table around it that the file mentions.
func (x index) of(path string) int {
	for path != "" {
		if line, ok := x[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// join appends a key to a path.
func join(path, key string) string { return outline.Join(path, key) }

func element(path string, n int) string { return outline.Element(path, n) }
