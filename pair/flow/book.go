package flow

import "iter"

// Book is a list of at most Most flows. The zero value is empty. It is not safe for use by several goroutines.
type Book struct {
	four map[flow4]turn
	six  map[Flow]turn
	turn turn // how often the list began anew
	anew bool // the list that began anew is not yet all there
	tcp  int
	miss int
}

// turn counts how often a list began anew; a flow keeps the turn that it was last told of in.
type turn uint16

// flow4 is a Flow of IPv4 in a third of the memory: houses have few others.
type flow4 struct {
	source, destination [4]byte
	from, to            uint16
	protocol            uint8
}

func short(f *Flow) flow4 {
	return flow4{[4]byte(f.Source[12:]), [4]byte(f.Destination[12:]), f.From, f.To, f.Protocol}
}

func (f flow4) long() Flow {
	long := Flow{From: f.from, To: f.to, Protocol: f.protocol}
	for _, end := range []struct {
		long  *[16]byte
		short [4]byte
	}{{&long.Source, f.source}, {&long.Destination, f.destination}} {
		end.long[10], end.long[11] = 0xff, 0xff
		copy(end.long[12:], end.short[:])
	}
	return long
}

// Apply takes a change in and returns what of it was news: neither Anew nor More, each ended flow was in the book and each begun one was not.
// What is left of an earlier list ends when a list that began anew is all there, and not before. Flows beyond Most are counted, no more.
func (b *Book) Apply(c Change) Change {
	if c.Anew {
		b.turn++
		b.anew, b.miss = true, 0
	}
	var news Change
	for i := range c.Ended {
		if b.end(&c.Ended[i]) {
			news.Ended = append(news.Ended, c.Ended[i])
		}
	}
	for i := range c.Begun {
		if b.begin(&c.Begun[i]) {
			news.Begun = append(news.Begun, c.Begun[i])
		}
	}
	if b.anew && !c.More {
		b.anew = false
		news.Ended = append(news.Ended, b.sweep()...)
	}
	return news
}

// begin reports whether the flow was not yet in the book.
func (b *Book) begin(f *Flow) bool {
	known, room := false, b.Len() < Most
	if f.Is4() {
		key := short(f)
		if _, known = b.four[key]; known || room {
			put(&b.four, key, b.turn)
		}
	} else if _, known = b.six[*f]; known || room {
		put(&b.six, *f, b.turn)
	}
	switch {
	case known:
	case !room:
		b.miss++
	case f.Protocol == protocolTCP:
		b.tcp++
	}
	return !known && room
}

func put[K comparable](m *map[K]turn, key K, t turn) {
	if *m == nil {
		*m = make(map[K]turn)
	}
	(*m)[key] = t
}

// end reports whether the flow was in the book.
func (b *Book) end(f *Flow) (known bool) {
	if f.Is4() {
		key := short(f)
		_, known = b.four[key]
		delete(b.four, key)
	} else {
		_, known = b.six[*f]
		delete(b.six, *f)
	}
	if known && f.Protocol == protocolTCP {
		b.tcp--
	}
	if known && b.Len() == 0 {
		b.four, b.six = nil, nil // a map never gives memory back by itself
	}
	return known
}

// sweep ends what was last told of before the list began anew.
func (b *Book) sweep() (ended []Flow) {
	for f, t := range b.four {
		if t != b.turn {
			ended = append(ended, f.long())
		}
	}
	for f, t := range b.six {
		if t != b.turn {
			ended = append(ended, f)
		}
	}
	for i := range ended {
		b.end(&ended[i])
	}
	return ended
}

// Has reports whether a flow is in the book.
func (b *Book) Has(f Flow) (has bool) {
	if f.Is4() {
		_, has = b.four[short(&f)]
	} else {
		_, has = b.six[f]
	}
	return has
}

// Len returns how many flows are in the book.
func (b *Book) Len() int { return len(b.four) + len(b.six) }

// Missed returns how many flows were not taken in since the list began, for there were Most already.
func (b *Book) Missed() int { return b.miss }

// All yields each flow, in no order. The book must not change meanwhile.
func (b *Book) All() iter.Seq[Flow] {
	return func(yield func(Flow) bool) {
		for f := range b.four {
			if !yield(f.long()) {
				return
			}
		}
		for f := range b.six {
			if !yield(f) {
				return
			}
		}
	}
}

const protocolTCP = 6

// TCP returns the flows of TCP, in no order.
func (b *Book) TCP() []Flow {
	flows := make([]Flow, 0, b.tcp)
	for f := range b.All() {
		if f.Protocol == protocolTCP {
			flows = append(flows, f)
		}
	}
	return flows
}
