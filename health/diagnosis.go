package health

import (
	"net/netip"
	"strconv"
)

// Fault is the first broken thing on the way out, counted from the house.
type Fault uint8

const (
	NotLooked Fault = iota
	NoFault         // everything that was asked answers
	FirstHop        // the ISP's first router is silent
	Outside         // the first router answers, or never does, and nothing beyond it
	Portal          // a login page answers instead of the Internet
	Resolver        // addresses answer, the name server does not
	Target          // some far targets are silent, others answer
)

func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return "fault " + strconv.Itoa(int(f))
}

var faultNames = [...]string{"not looked", "none", "first hop", "outside", "portal", "resolver", "target"}

// Clause says what is broken, for the end of a sentence.
func (f Fault) Clause() string {
	switch f {
	case NoFault:
		return "everything answers again"
	case FirstHop:
		return "the ISP's first router does not answer"
	case Outside:
		return "the ISP's first router answers, but nothing beyond it"
	case Portal:
		return "a login page answers instead of the Internet"
	case Resolver:
		return "the Internet answers, but the name server does not"
	case Target:
		return "some far targets do not answer, others do"
	}
	return "nobody has looked"
}

// Whose says whose fault it is, as far as one can tell from the house.
func (f Fault) Whose() string {
	switch f {
	case FirstHop:
		return "the line or the modem"
	case Outside, Resolver:
		return "the ISP"
	case Portal:
		return "the login or the contract"
	case Target:
		return "the targets"
	case NoFault:
		return "nobody"
	}
	return "unknown"
}

// Diagnosis is what one look found.
type Diagnosis struct {
	Fault    Fault
	Answered []netip.Addr // of gateway and targets
	Silent   []netip.Addr
	Detail   string // what else was seen: "9.9.9.9: network is unreachable"; may be empty
	// Tells is false when a gateway that never answers was silent too: the fault may be nearer than it says.
	Tells bool
}

// Clause says what is broken, for the end of a sentence.
func (d Diagnosis) Clause() string {
	if d.Fault == Outside && !d.Tells {
		return "nothing on the Internet answers"
	}
	return d.Fault.Clause()
}

// Whose says whose fault it is.
func (d Diagnosis) Whose() string {
	if d.Fault == Outside && !d.Tells {
		return "the ISP or the line"
	}
	return d.Fault.Whose()
}
