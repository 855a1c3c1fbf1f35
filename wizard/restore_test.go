package wizard_test

import (
	"encoding/json"
	"testing"

	"github.com/twinpath/twinpath/wizard"
)

// FuzzRestore: no draft that a browser brings makes the wizard panic.
func FuzzRestore(f *testing.F) {
	for _, home := range homes {
		text, err := json.Marshal(wizard.New(home.facts))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"lines":[{"kind":"peer"},{"kind":"static","cost":-1}],"house":{"ports":["a"],"dhcp":true},"pair":{"role":"first"},"alert":{"kind":"none"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := wizard.Restore(text)
		if err != nil {
			return
		}
		for _, home := range homes[:2] {
			for _, p := range d.Pages(home.facts) {
				values := map[string]string{}
				for _, q := range d.Questions(p, home.facts) {
					values[q.ID] = q.Value
				}
				d.Answer(p, home.facts, values)
				d.Open(p, home.facts)
			}
			d.Answer(wizard.Twins, home.facts, map[string]string{"pair.role": "first"})
			d.TOML(nil)
			d.TOML([]byte(owned))
		}
	})
}
