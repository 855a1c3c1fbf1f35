package router

import "time"

// foldPath keeps what fits through a line.
func (s *State) foldPath(_ time.Time, f PathSeen) []Event {
	if l := s.line(f.WAN); l != nil && l.way.Index == f.Index {
		l.path = f.Path
	}
	return nil
}
