package handover

import "time"

// Facts are what a step of the Machine goes by.
type Facts struct {
	Off      bool     // the owner does not want connections handed over
	Standing Standing // of this router, for the house: Active as soon as it is for one family
	// Elsewhere: of the house's addresses each router serves some, so that devices send to both all the time.
	Elsewhere bool

	Linked  bool
	Life    Life
	Partner Partner   // as last heard
	Way     Diversion // all but Mode and Seen, as it would be now; without a Partner: not known, what was known before counts

	List   int  // how many flows the other router has told of
	Listed bool // all that it had when this link began has come
	Own    int  // how many flows this router has by lines of its own
	// Loaded and OwnLoaded are the tickets of the last Load and LoadOwn that are done.
	Loaded, OwnLoaded Ticket
	// Made is how often the kernel had nothing of ours, and began with empty lists.
	Made int

	Keep time.Duration // how long flows may stay on the other router's metered line; 0: until they end
}

// Partner is the other router.
type Partner struct {
	Active           bool // for the house
	Usable4, Usable6 bool // it has a line of its own that works
	Metered          bool // and none that is not metered
	Doubtful         bool // and none of which nothing is lost
}

// Standing is whether a router serves the house.
type Standing uint8

// Standings.
const (
	UnknownStanding Standing = iota
	Backup
	Active
)

func (s Standing) String() string { return [...]string{"unknown", "backup", "active"}[s] }

// Life is whether the other router lives, beside what the link says.
type Life uint8

// Lives.
const (
	UnknownLife Life = iota
	Alive            // its daemon says so
	Mute             // its daemon says nothing, but the machine answers
	Gone
)

func (l Life) String() string { return [...]string{"unknown", "alive", "mute", "gone"}[l] }

// Ticket numbers what a Machine asks for, so that it knows what has been done of it.
type Ticket int

// Action is what is to be done beside the Diversion, after it.
type Action struct {
	Kind   Kind
	Ticket Ticket // of Load and LoadOwn
	// Late, of Load: flows that this router has itself are left out. It has served the house without knowing the list, and knows them better.
	Late      bool
	Four, Six bool // of Tell and Release: whose
}

// Kind is what an Action is.
type Kind uint8

// Kinds of actions.
const (
	UnknownKind Kind = iota
	Load             // put the whole list of the other router into the kernel
	LoadOwn          // put this router's own flows there, but for those of the other one's list
	Tell             // tell devices that the listed flows are lost
	Release          // ask the other router to end its flows
)

func (k Kind) String() string {
	return [...]string{"unknown", "load", "load own", "tell", "release"}[k]
}

// Phase is where a hand-over stands.
type Phase uint8

// Phases.
const (
	Idle     Phase = iota
	Prepares       // Backup: this router's own flows are being loaded
	Ready          // Backup: should this router become Active, everything goes to the other one at first
	Learns         // Active: everything goes to the other one while its list is being loaded
	Lists          // the list is being loaded, and nothing goes to the other one yet
	Keeps          // the flows of the other one go to it, until they end
)

func (p Phase) String() string {
	return [...]string{"idle", "prepares", "ready", "learns", "lists", "keeps"}[p]
}

// mode is what is wanted of the kernel in a phase.
func (p Phase) mode() Mode {
	return [...]Mode{None, Prepared, All, All, Prepared, Listed}[p]
}

// Orders are what a step says.
type Orders struct {
	Diversion Diversion
	Phase     Phase
	Actions   []Action
	// Kept and Own: what changes in the other router's list, and in this one's, goes into the kernel as it comes.
	Kept, Own bool
	Next      time.Time // when to step again though nothing happens; zero: never
}
