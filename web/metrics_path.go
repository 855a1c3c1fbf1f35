package web

import "github.com/twinpath/twinpath/router"

// path is what fits through a WAN, of one family.
type path struct {
	wan, family string
	size        int
	hole        bool
}

// paths writes what fits through the WANs, as far as it was found out.
func (m *exposition) paths(all []router.WANSnapshot) {
	var list []path
	for _, w := range all {
		if p := w.Path; p != nil {
			list = append(list, path{w.Name, "ipv4", p.MTU4, p.Hole4}, path{w.Name, "ipv6", p.MTU6, p.Hole6})
		}
	}
	if len(list) == 0 {
		return
	}
	known := func(p path) bool { return p.size > 0 }
	each(m, list, []family[path]{
		{"wan_path_mtu_bytes", "gauge", "The largest packet that fits through the WAN.", func(p path) (float64, bool) { return float64(p.size), known(p) }},
		{"wan_path_hole", "gauge", "Whether larger ones vanish without a word.", func(p path) (float64, bool) { return truth(p.hole), known(p) }},
	}, func(p path) []label { return []label{{"wan", p.wan}, {"family", p.family}} })
}
