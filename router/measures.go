package router

import "time"

// Measures is what the lines were like over time, as the page's graphs show it. Its JSON is answered by the API.
type Measures struct {
	Step  int           `json:"step_s"` // seconds that a point stands for
	Until time.Time     `json:"until"`  // the end of the newest point
	WANs  []MeasuredWAN `json:"wans"`
}

// MeasuredWAN is one line over time: its points, oldest first, nil where nobody looked.
type MeasuredWAN struct {
	Name   string   `json:"name"`
	Points []*Point `json:"points"`
}

// Point is what a line was like for one step.
type Point struct {
	RTT    Milliseconds `json:"rtt_ms"` // the median of the answered probes; 0 when none was
	MinRTT Milliseconds `json:"rtt_min_ms"`
	MaxRTT Milliseconds `json:"rtt_max_ms"`
	Loss   float64      `json:"loss"`   // share of probes without an answer, 0 to 1; 1 while the line cannot be probed
	State  string       `json:"state"`  // the worst one of the step
	Active bool         `json:"active"` // it carried the house, be it for a moment
	Rx     uint64       `json:"rx"`     // bytes in the step, by the interface
	Tx     uint64       `json:"tx"`
}

// Counters is what the kernel has counted.
type Counters struct {
	Flows   int                // connections tracked
	Traffic map[string]Traffic // by the name of the interface
}

// Traffic is what an interface has carried since it appeared, in bytes.
type Traffic struct{ Rx, Tx uint64 }
