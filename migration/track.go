package migration

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// tracked is one line of a track block.
type tracked struct {
	*entry
	weight  int
	given   bool // a weight is named
	reverse bool
}

// trackedLine reads "NAME weight -20 reverse". A weight on the definition counts unless the line has its own.
func trackedLine(e *entry) tracked {
	t := tracked{entry: e}
	for i, w := range e.words {
		switch w {
		case "weight":
			if n, err := strconv.Atoi(e.value(i + 1)); err == nil && n >= -254 && n <= 254 {
				t.weight, t.given = n, true
			}
		case "reverse":
			t.reverse = true
		}
	}
	return t
}

// track reads a track_script, track_process or track_interface block of an instance, or (whole) of its group.
func (k *keepalived) track(d *draft, e *entry, group *entry, whole bool) {
	for _, child := range e.block {
		if len(d.checks) == maxChecks {
			k.note(child.place, d.section, "%s: left out: %d checks are the most", child, maxChecks)
			return
		}
		line := trackedLine(child)
		if line.given && line.weight != 0 && group != nil && !whole && !differing(group) {
			k.note(child.place, d.section, "%s: keepalived leaves this out in a sync group (%s); here it counts", child, group.value(1))
		}
		switch e.keyword() {
		case "track_script":
			k.trackScript(d, line)
		case "track_process":
			k.trackProcess(d, line)
		default:
			k.trackInterface(d, line, group)
		}
	}
}

// differing reports whether a sync group takes the weights of its members in.
func differing(group *entry) bool {
	return slices.ContainsFunc(group.block, func(e *entry) bool {
		return e.keyword() == "sync_group_tracking_weight" || e.keyword() == "global_tracking"
	})
}

// trackScript makes a check of a vrrp_script.
func (k *keepalived) trackScript(d *draft, line tracked) {
	script, known := k.scripts[line.keyword()]
	if !known {
		k.note(line.place, d.section, "track_script %s: there is no such vrrp_script", line.keyword())
		return
	}
	c := check{name: word(line.keyword()), interval: time.Second, fall: 1, rise: 1}
	command := ""
	for _, e := range script.block[:min(len(script.block), maxKeywords)] {
		switch e.keyword() {
		case "script":
			command = strings.Join(e.words[1:], " ")
			command = command[:min(len(command), maxCommand)]
		case "interval":
			c.interval = k.seconds(d, e)
		case "timeout":
			c.timeout = k.seconds(d, e)
		case "fall":
			c.fall = k.number(d, e, 1, maxFall, 1)
		case "rise":
			c.rise = k.number(d, e, 1, maxRise, 1)
		case "weight":
			line = line.inherit(e)
		case "init_fail": // a check that never passed counts as failed here
		case "user":
			k.note(e.place, d.section, "vrrp_script %s: runs as the daemon's user, not as %s", script.value(1), e.value(1))
		default:
			k.note(e.place, d.section, "vrrp_script %s: %s: has no counterpart", script.value(1), e)
		}
	}
	if c.timeout == 0 {
		c.timeout = c.interval
	}
	c.timeout = min(c.timeout, maxTimeout)
	k.probe(d, &c, script, command)
	k.weigh(d, &c, line)
}

// inherit takes the weight of the definition where the line has none.
func (t tracked) inherit(e *entry) tracked {
	if from := trackedLine(e); !t.given {
		t.weight, t.given, t.reverse = from.weight, from.given, t.reverse || from.reverse
	}
	return t
}

// The limits of a [[vrrp.check]].
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 10 * time.Minute
	maxTimeout  = time.Minute
	maxFall     = 100
	maxRise     = 1000
	maxWeight   = 253
)

// seconds reads an interval of a check.
func (k *keepalived) seconds(d *draft, e *entry) time.Duration {
	n, err := strconv.ParseFloat(e.value(1), 64)
	if err != nil || !(n > 0 && n <= maxInterval.Seconds()) {
		k.note(e.place, d.section, "%s: is not a time of up to 10 minutes; 1 s is taken", e)
		return time.Second
	}
	return max(time.Duration(n*1000)*time.Millisecond, minInterval)
}

// probe says how the check looks: by itself where it knows how, with the script else.
func (k *keepalived) probe(d *draft, c *check, script *entry, command string) {
	if c.kind, c.target = recognise(command); c.kind != "" {
		k.note(script.place, d.section, "vrrp_script %s: checked without a program now: %s %s", script.value(1), c.kind, c.target)
		return
	}
	line, why := k.command(command)
	c.kind, c.target = "run", line
	if why != "" {
		c.target, c.broken = command, true
		k.note(script.place, d.section, "vrrp_script %s: left out: %s: %s", script.value(1), command, why)
	} else if line != command {
		k.note(script.place, d.section, "vrrp_script %s: %s is taken as %s", script.value(1), command, line)
	}
}

// trackProcess makes a check of a vrrp_track_process.
func (k *keepalived) trackProcess(d *draft, line tracked) {
	definition, known := k.processes[line.keyword()]
	if !known {
		k.note(line.place, d.section, "track_process %s: there is no such vrrp_track_process", line.keyword())
		return
	}
	c := check{name: word(line.keyword()), kind: "process", interval: time.Second, timeout: time.Second, fall: 1, rise: 1}
	own := tracked{weight: 1, given: true} // keepalived's default
	for _, e := range definition.block[:min(len(definition.block), maxKeywords)] {
		switch e.keyword() {
		case "process":
			_, c.target = process(e.value(1))
			if c.target == "" || len(e.words) > 2 {
				k.note(e.place, d.section, "%s: a process is found by its name only, of 15 characters at most", e)
			}
		case "weight":
			own = trackedLine(e)
		case "quorum":
			if e.value(1) != "1" {
				k.note(e.place, d.section, "%s: one process is enough here", e)
			}
		case "delay", "fork_delay", "terminate_delay":
			k.note(e.place, d.section, "%s: fall and rise are the counterpart", e)
		default:
			k.note(e.place, d.section, "%s: has no counterpart", e)
		}
	}
	if !line.given {
		line.weight, line.given, line.reverse = own.weight, own.given, own.reverse
	}
	c.broken = c.target == ""
	k.weigh(d, &c, line)
}

// trackInterface makes a check of another interface's carrier. Its own needs none, nor has one whose router is in the
// group.
func (k *keepalived) trackInterface(d *draft, line tracked, group *entry) {
	name := line.keyword()
	if name == d.device || !isDevice(name) {
		return
	}
	if k.served[group][name] {
		k.remark(line.place, d.section, "track_interface "+name+": the group does it")
		return
	}
	target, why := k.command("/usr/bin/grep -q 1 /sys/class/net/" + name + "/carrier")
	c := check{name: word("carrier-" + name), kind: "run", target: target, interval: time.Second, timeout: time.Second, fall: 1, rise: 1}
	if why != "" {
		c.broken = true
	}
	k.note(line.place, d.section, "track_interface %s: is a check of its carrier now", name)
	k.weigh(d, &c, line)
}

// weigh gives the check its weight, and itself to the draft. What keepalived adds for a success is part of the priority here, and lost by
// a failure.
func (k *keepalived) weigh(d *draft, c *check, line tracked) {
	if line.reverse {
		c.broken = true
		k.note(line.place, d.section, "%s: reverse has no counterpart; the check is left out", line.entry)
	}
	c.weight = min(max(line.weight, -line.weight), maxWeight)
	if slices.ContainsFunc(d.checks, func(o check) bool {
		return !o.broken && (o.name == c.name || o.kind == c.kind && o.target == c.target)
	}) {
		c.broken = true
		k.note(line.place, d.section, "%s: left out: there is a check like it already", line.entry)
	}
	if line.weight > 0 && !c.broken {
		d.raise += line.weight
		k.note(line.place, d.section, "%s: what success adds (%d) is part of the priority now, and lost by failure", line.entry, line.weight)
	}
	d.checks = append(d.checks, *c)
}
