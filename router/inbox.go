package router

import "sync"

// letter is a fact and, where someone waits for it to have come true, the way to tell.
type letter struct {
	fact Fact
	done chan<- error
}

// inbox takes facts from any goroutine without making it wait. It is bounded: of a WAN's verdicts, of
// interface lists and of the VRRP engine's status only the latest is kept, and the rest is as rare as what people do.
type inbox struct {
	mu      sync.Mutex
	letters []letter
	look    bool
	pulses  []chan<- error // of those who only ask whether the loop turns
	wake    chan struct{}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) put(f Fact, done chan<- error) {
	b.mu.Lock()
	switch f := f.(type) {
	case HealthSeen:
		b.letters = without(b.letters, func(old Fact) bool { h, ok := old.(HealthSeen); return ok && h.WAN == f.WAN })
	case Health6Seen:
		b.letters = without(b.letters, func(old Fact) bool { h, ok := old.(Health6Seen); return ok && h.WAN == f.WAN })
	case TogetherSeen:
		b.letters = without(b.letters, func(old Fact) bool { _, ok := old.(TogetherSeen); return ok })
	case VRRPSeen:
		b.letters = without(b.letters, func(old Fact) bool { _, ok := old.(VRRPSeen); return ok })
	}
	b.letters = append(b.letters, letter{f, done})
	b.mu.Unlock()
	b.ring()
}

// without drops the older fact that a newer one replaces.
func without(letters []letter, replaced func(Fact) bool) []letter {
	for i, l := range letters {
		if replaced(l.fact) {
			return append(letters[:i], letters[i+1:]...)
		}
	}
	return letters
}

// lookAgain asks for the kernel to be read and made right.
func (b *inbox) lookAgain() {
	b.mu.Lock()
	b.look = true
	b.mu.Unlock()
	b.ring()
}

// looking reports whether the kernel is to be read again.
func (b *inbox) looking() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.look
}

// feel asks whether the loop turns.
func (b *inbox) feel(done chan<- error) {
	b.mu.Lock()
	b.pulses = append(b.pulses, done)
	b.mu.Unlock()
	b.ring()
}

// beat answers those who ask whether the loop turns, and reports whether that was all there is to do.
func (b *inbox) beat() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := len(b.pulses) > 0
	for _, done := range b.pulses {
		done <- nil // has room for it
	}
	b.pulses = nil
	return asked && len(b.letters) == 0 && !b.look
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() (letters []letter, look bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	letters, look = b.letters, b.look
	b.letters, b.look = nil, false
	return letters, look
}
