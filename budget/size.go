package budget

import "strconv"

// Size writes bytes as providers do, in decimal units, with three digits at most: "850 MB", "1.2 GB", "5 GB".
func Size(n uint64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	value, unit := float64(n), 0
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	digits := 0
	if unit > 0 && value < 9.95 {
		digits = 1
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits == 1 && text[len(text)-1] == '0' {
		text = text[:len(text)-2]
	}
	return text + " " + units[unit]
}
