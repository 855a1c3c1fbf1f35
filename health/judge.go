package health

import "time"

// When a WAN is down.
//
// The contract says: when the passing checks weigh less than the quorum. Taken alone that is true by chance
// far too often on a lossy line: at 20 % loss a check fails once in some 150 probes, needs some 40 to pass again
// (ten answers in a row), and so spends a fifth of its life failing; two of three checks are failing
// together for a tenth of the day. So entering Down also asks that the checks in question are silent now, and that
// it is no coincidence. The numbers below were chosen here, for the two demands: no false alarm
// in 24 hours of 20 % independent loss, and down within two seconds of a blackout.
//
//   - Nobody answers (three or more checks): 15 probes in a row without an answer. By chance 0.2^15 = 3·10⁻¹¹; at 15 probes per
//     second all day long (1.3 million), once in 70 years. Three checks need 5 each: the first is sent at most 333 ms after
//     the blackout, looks late after 120 ms, the others follow within 133 ms, then 4 × 200 ms and 250 ms of
//     patience: 1.64 s at worst. Two checks must do with 6 each, for the time; a single one with fall.
//   - Others answer: the silent ones that cost the quorum must again have missed 15 together, and at
//     least 2 × fall each. Those that were dead long before are old news and do not count. This takes up to a second
//     longer than a blackout; the line is not dead, so that is the better side to err on.
//
// Leaving Down is literal: enough checks have passed by rise.
const (
	proof      = 15               // misses that are no coincidence
	proofEach  = 6                // most that each check must add when nobody answers
	oldNews    = 30 * time.Second // a check silent for this much longer than the newest one is no evidence
	loneFactor = 2                // × fall, where others answer
)

// steady is the run after which a check is taken for dead and probed at the regular interval again.
func (m *Machine) steady() int { return max(proof, loneFactor*m.config.Fall) }

// settle draws the state from the checks.
func (m *Machine) settle() {
	passing, known, captive, failing := 0, 0, false, 0
	for i := range m.tracks {
		t := &m.tracks[i]
		switch {
		case t.ok:
			passing += t.check.Weight
		case t.known:
			failing++
			captive = captive || t.captive
		}
		if t.known {
			known++
		}
	}
	m.state = m.next(passing >= m.config.Quorum, failing > 0, captive)
	m.mark(failing, known)
	if f := m.face(); f != m.shown {
		m.shown = f
		m.faces++
	}
}

func (m *Machine) next(enough, failing, captive bool) State {
	switch {
	case captive:
		return Captive
	case enough && failing:
		return Degraded
	case enough:
		return Up
	case m.state == Down || m.blackout():
		return Down
	case m.state == Unknown:
		return Unknown
	}
	return Degraded // not enough pass by rise, but they are not silent either
}

// blackout reports whether the checks that cost the quorum are silent now, and not by coincidence.
func (m *Machine) blackout() bool {
	need := m.need()
	heard := 0
	for i := range m.tracks {
		if t := &m.tracks[i]; t.run < need {
			heard += t.check.Weight
		}
	}
	return heard < m.config.Quorum
}

// need returns how many probes in a row each silent check must have missed.
func (m *Machine) need() int {
	n := len(m.tracks)
	silent, newest := 0, time.Time{}
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.run >= m.config.Fall {
			silent++
			if t.since.After(newest) {
				newest = t.since
			}
		}
	}
	switch {
	case silent == n:
		return m.config.silentMisses()
	}
	fresh := 0
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.run >= loneFactor*m.config.Fall && newest.Sub(t.since) < oldNews {
			fresh++
		}
	}
	fresh = max(fresh, 1)
	return max(loneFactor*m.config.Fall, (proof+fresh-1)/fresh)
}

// mark finds the checks that misbehave alone: failing, or losing a good part of their probes, while all others are well.
func (m *Machine) mark(failing, known int) {
	n := len(m.tracks)
	well := 0
	for i := range m.tracks {
		if t := &m.tracks[i]; t.ok && share(t.lost, t.decided) < wellBelow {
			well++
		}
	}
	for i := range m.tracks {
		t := &m.tracks[i]
		alone := failing == 1 && !t.ok
		lossy := failing == 0 && t.lossy && well == n-1
		t.flaky = n > 2 && known == n && (alone || lossy)
	}
}

// face is what a person sees of a Machine, to tell whether it changed.
type face struct {
	state  State
	silent bool // down, and nothing answers: the first answer is news before it proves anything
	bits   [4]uint64
}

// face packs each check's verdict into 4 bits; checks beyond the 64th share them, which costs at most a late report.
func (m *Machine) face() face {
	f := face{state: m.state, silent: m.state == Down}
	for i := range m.tracks {
		t := &m.tracks[i]
		v := bit(t.known) | bit(t.ok)<<1 | bit(t.rising || t.captive)<<2 | bit(t.flaky)<<3
		f.bits[i/16%4] ^= v << (i % 16 * 4)
		f.silent = f.silent && t.run > 0
	}
	return f
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
