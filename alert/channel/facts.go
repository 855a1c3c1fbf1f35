package channel

import (
	"encoding/json"
	"fmt"
	"time"
)

// Facts are how the router is, for home automation.
type Facts struct {
	Router   string // its name
	Version  string // of Twinpath
	Verdict  string // "ok", "backup", "degraded", "offline" or "unknown"
	Sentence string
	Active   string // the WAN that carries the traffic
	Lines    []Line
}

// Line is a WAN in Facts.
type Line struct {
	Name  string
	State string         // "up", "degraded", "down" or "unknown"
	RTT   *time.Duration // nil: not measured
	Loss  *float64       // 0 to 1; nil: not measured
	Used  *uint64        // bytes since the month of its budget began; nil: not counted
}

// like reports whether only measurements differ.
func (f Facts) like(other Facts) bool { return f.bare() == other.bare() }

func (f Facts) bare() string {
	text := fmt.Sprintf("%q %q %q %q %q", f.Router, f.Version, f.Verdict, f.Sentence, f.Active)
	for _, l := range f.Lines {
		text += fmt.Sprintf(" %q %q", l.Name, l.State)
	}
	return text
}

// state is what PREFIX/ROUTER/state says.
func (f Facts) state() string {
	lines := map[string]any{}
	for _, l := range f.Lines {
		line := map[string]any{"name": l.Name, "state": l.State, "rtt_ms": nil, "loss_percent": nil, "used_bytes": nil}
		if l.RTT != nil {
			line["rtt_ms"] = float64(l.RTT.Microseconds()) / 1000
		}
		if l.Loss != nil {
			line["loss_percent"] = 100 * *l.Loss
		}
		if l.Used != nil {
			line["used_bytes"] = *l.Used
		}
		lines[slug(l.Name)] = line
	}
	problem := f.Verdict != "ok" && f.Verdict != "unknown"
	text, err := json.Marshal(map[string]any{
		"router": f.Router, "verdict": f.Verdict, "problem": problem, "sentence": f.Sentence, "active": f.Active, "wans": lines,
	})
	if err != nil {
		return "{}" // a measurement that is no number
	}
	return string(text)
}

// node is the router's name among Home Assistant's.
func (f Facts) node() string { return "twinpath_" + slug(f.Router) }

// entity is one thing that Home Assistant shows.
type entity struct {
	component, id string
	config        map[string]any
}

// discovery is what Home Assistant is to show, by topic (home-assistant.io/integrations/mqtt, "MQTT discovery").
func (f Facts) discovery(prefix string) map[string]string {
	own := prefix + "/" + slug(f.Router)
	all := []entity{
		{"sensor", "verdict", map[string]any{
			"name": "Internet", "icon": "mdi:router-network", "value_template": "{{ value_json.verdict }}",
			"json_attributes_topic": own + "/state", "json_attributes_template": "{{ {'sentence': value_json.sentence} | tojson }}",
		}},
		{"sensor", "active", map[string]any{"name": "Active line", "icon": "mdi:wan", "value_template": "{{ value_json.active }}"}},
		{"binary_sensor", "problem", map[string]any{
			"name": "Problem", "device_class": "problem", "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
		}},
		{"event", "message", map[string]any{
			"name": "Message", "icon": "mdi:message-alert", "state_topic": prefix + "/message", "event_types": []string{"message", "resolved"},
		}},
	}
	for _, l := range f.Lines {
		all = append(all, l.entities()...)
	}
	topics := map[string]string{}
	for _, e := range all {
		e.config["unique_id"], e.config["availability_topic"] = f.node()+"_"+e.id, own+"/status"
		if e.config["state_topic"] == nil {
			e.config["state_topic"] = own + "/state"
		}
		e.config["device"] = map[string]any{"identifiers": []string{f.node()}, "name": f.Router, "manufacturer": "Twinpath", "model": "Router", "sw_version": f.Version}
		e.config["origin"] = map[string]any{"name": "Twinpath", "sw_version": f.Version}
		text, err := json.Marshal(e.config)
		if err == nil { // it is text throughout
			topics["homeassistant/"+e.component+"/"+f.node()+"/"+e.id+"/config"] = string(text)
		}
	}
	return topics
}

// entities of a line. One whose used data nobody counts has no such entity.
func (l Line) entities() []entity {
	id := slug(l.Name)
	value := func(key string) string { return "{{ value_json.wans['" + id + "']." + key + " }}" }
	all := []entity{
		{"sensor", id + "_state", map[string]any{"name": l.Name, "icon": "mdi:ethernet-cable", "value_template": value("state")}},
		{"sensor", id + "_rtt", map[string]any{
			"name": l.Name + " latency", "unit_of_measurement": "ms", "device_class": "duration", "state_class": "measurement",
			"value_template": value("rtt_ms"), "suggested_display_precision": 0,
		}},
		{"sensor", id + "_loss", map[string]any{
			"name": l.Name + " loss", "icon": "mdi:percent", "unit_of_measurement": "%", "state_class": "measurement",
			"value_template": value("loss_percent"), "suggested_display_precision": 1,
		}},
	}
	if l.Used != nil {
		all = append(all, entity{"sensor", id + "_used", map[string]any{
			"name": l.Name + " data used", "unit_of_measurement": "B", "suggested_unit_of_measurement": "GB", "device_class": "data_size",
			"state_class": "total_increasing", "value_template": value("used_bytes"),
		}})
	}
	return all
}

// slug is a name of the letters that a topic of Home Assistant's may have, different for each name.
func slug(name string) string {
	var text []byte
	for _, b := range []byte(name) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' {
			text = append(text, b)
		} else {
			text = fmt.Appendf(text, "_%02x", b)
		}
	}
	return string(text)
}
