package outline_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/twinpath/twinpath/config/outline"
)

func TestSpans(t *testing.T) {
	const text = "a = 1 # one\n\n[b]\nc = { d = [\"x\", 'y'], e = \"\"\"\nz\"\"\" }\n\n[[w]]\nn.m = true\n[w.h]\nk = 2\n[[w]]\n"
	o := outline.Of(text)
	for path, want := range map[string]string{
		"a": "1", "b.c.d": `["x", 'y']`, "b.c.d[1]": "'y'", "b.c.e": "\"\"\"\nz\"\"\"", "w[0].n.m": "true", "w[0].h.k": "2",
	} {
		span, known := o.Spans[path]
		if got := text[span.Value:span.End]; !known || got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
	var headers []string
	for _, h := range o.Headers {
		headers = append(headers, h.Path+": "+text[h.Body:h.Last])
	}
	want := []string{"b: c = { d = [\"x\", 'y'], e = \"\"\"\nz\"\"\" }\n", "w[0]: n.m = true\n", "w[0].h: k = 2\n", "w[1]: "}
	if !reflect.DeepEqual(headers, want) {
		t.Errorf("the sections are %q, not %q", headers, want)
	}
}

// FuzzOf: no text makes it panic or hang, and what it says of a file's values is what the decoder says.
func FuzzOf(f *testing.F) {
	names, err := filepath.Glob("../testdata/good/*.toml")
	if err != nil || len(names) == 0 {
		f.Fatalf("no files (%v)", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := outline.Of(text)
		for path, s := range o.Spans {
			if s.Start < 0 || s.Value < s.Start || s.End < s.Value || s.End > len(text) {
				t.Fatalf("%s is at %+v of %d bytes", path, s, len(text))
			}
		}
		root := map[string]any{}
		if strings.Count(text, ".") < 100 && toml.Unmarshal([]byte(text), &root) == nil {
			agree(t, text, o, "", root)
		}
	})
}

// agree fails unless the bytes of every plain value decode to that value.
func agree(t *testing.T, text string, o outline.Outline, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			agree(t, text, o, outline.Join(path, key), one)
		}
	case []map[string]any:
		for i, one := range v {
			agree(t, text, o, outline.Element(path, i), one)
		}
	case []any:
		for i, one := range v {
			agree(t, text, o, outline.Element(path, i), one)
		}
	default:
		s := o.Spans[path]
		var one map[string]any
		if err := toml.Unmarshal([]byte("x = "+text[s.Value:s.End]), &one); err != nil || !reflect.DeepEqual(one["x"], v) && one["x"] == one["x"] {
			t.Fatalf("%s is %q in the text, which is %v, not %v (%v)", path, text[s.Value:s.End], one["x"], v, err)
		}
	}
}
