package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twinpath/twinpath/config/outline"
)

// value is one value of the file, with its place. Its readers add a problem and return zero when it is not as wanted.
type value struct {
	r    *reading
	path string
	raw  any
}

func (v value) problem(hint, what string, args ...any) { v.r.problem(v.path, hint, what, args...) }

// kind names what the file gives, with its value, for a person.
func (v value) kind() string {
	switch raw := v.raw.(type) {
	case string:
		return "the text " + quote(raw)
	case int64:
		return "the number " + strconv.FormatInt(raw, 10)
	case float64:
		return "the number " + strconv.FormatFloat(raw, 'g', -1, 64)
	}
	return v.form()
}

// form is kind without text and numbers: what stands in the place of a whole table may hold its secrets.
func (v value) form() string {
	switch raw := v.raw.(type) {
	case string:
		return "text"
	case int64, float64:
		return "a number"
	case bool:
		return strconv.FormatBool(raw)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// quote shows text as the owner wrote it, cut where it gets long.
func quote(text string) string { return outline.Quote(text) }

// text reads a string of 1 to limit bytes without control characters.
func (v value) text(limit int) string {
	text, ok := v.raw.(string)
	switch {
	case !ok:
		v.problem("write it in quotes", "must be text, not %s", v.kind())
	case text == "":
		v.problem("", "is empty")
	case len(text) > limit:
		v.problem("", "is %d bytes long: at most %d", len(text), limit)
	case strings.ContainsFunc(text, unicode.IsControl):
		v.problem("", "contains a control character")
	default:
		return text
	}
	return ""
}

// number reads a whole number from least to most.
func (v value) number(least, most int) int {
	n, ok := v.raw.(int64)
	if !ok {
		hint := ""
		if text, quoted := v.raw.(string); quoted {
			if _, err := strconv.Atoi(text); err == nil {
				hint = "write it without quotes: " + text
			}
		}
		v.problem(hint, "must be a whole number, not %s", v.kind())
		return 0
	}
	if n < int64(least) || n > int64(most) {
		v.problem("", "must be %d to %d, not %d", least, most, n)
		return 0
	}
	return int(n)
}

func (v value) flag() bool {
	yes, ok := v.raw.(bool)
	if !ok {
		v.problem("", "must be true or false, not %s", v.kind())
	}
	return yes
}

// duration reads a text like "200ms" from least to most.
func (v value) duration(least, most time.Duration) time.Duration {
	const hint = `for example "200ms", "1s", "12h"`
	text, ok := v.raw.(string)
	if !ok {
		v.problem(hint, "must be a duration in quotes, not %s", v.kind())
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		v.problem(hint, "%s is not a duration", quote(text))
		return 0
	}
	if d < least || d > most {
		v.problem("", "must be %s to %s, not %s", short(least), short(most), short(d))
		return 0
	}
	return d
}

// short writes a duration as an owner does: "1h", not "1h0m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// choice reads one of a few words.
func (v value) choice(words ...string) string {
	text, ok := v.raw.(string)
	if ok && slices.Contains(words, text) {
		return text
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(word)
	}
	hint := ""
	if near := nearest(text, words); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	last := len(quoted) - 1
	v.problem(hint, "must be %s or %s, not %s", strings.Join(quoted[:last], ", "), quoted[last], v.kind())
	return ""
}

// listLimit is the longest list of plain values accepted: kernel and page cope, and nobody writes more by hand.
const listLimit = 256

// list calls each for every element of a list.
func (v value) list(each func(value)) {
	list, ok := elements(v.raw)
	if !ok {
		v.problem("write it in brackets: [ … ]", "must be a list, not %s", v.kind())
		return
	}
	if len(list) > listLimit {
		v.problem("", "has %d entries: at most %d", len(list), listLimit)
		return
	}
	for i, raw := range list {
		each(value{r: v.r, path: element(v.path, i), raw: raw})
	}
}

// some is list, but a single value may stand without brackets and an empty list is a problem.
func (v value) some(each func(value)) {
	list, ok := elements(v.raw)
	switch {
	case !ok:
		each(v)
	case len(list) == 0:
		v.problem("give at least one", "is an empty list")
	default:
		v.list(each)
	}
}
