package lab

import (
	"context"
	"fmt"
	"io"
	"time"
)

// The promises of the story (issue 2, "must show").
const (
	CablePromise = 200 * time.Millisecond // longest UDP gap when a cable is pulled at its far end
	HolePromise  = 2 * time.Second        // the same when the provider dies behind a live cable, with default health
	ToldPromise  = 500 * time.Millisecond // from the switch until the client of a broken TCP connection knows
	// SparePromise is how long an idle connection is spared on a line with carrier: an outage that heals sooner must not
	// cost it, so its client is told by then plus ToldPromise.
	SparePromise = 3 * time.Second
)

// Bounds of waiting. A story that keeps its promises uses a fraction of them.
const (
	startBound  = 60 * time.Second  // both lines up after the daemon's start
	switchBound = 15 * time.Second  // another line carries after a failure
	toldBound   = 5 * time.Second   // the TCP clients know
	returnBound = 240 * time.Second // the better line carries again: it must prove itself, longer when it flaps
)

// Chapter is one event of the story and what the house felt of it.
type Chapter struct {
	Title    string
	Broken   bool          // a line failed; else one came back
	Promise  time.Duration // longest UDP gap allowed; 0 after a return: nothing may be lost
	Spare    time.Duration // from the event until idle connections may be told, at the latest
	Line     string        // that carries new flows at the end, as the Internet sees it
	Sentence string        // of the daemon's status at the end
	Took     time.Duration // from the event until Line carried
	UDP      UDPResult
	Stream   StreamResult
	Idle     StreamResult
	Connect  ConnectResult
	Told     time.Duration // from the switch until Stream broke; 0 while it lives
	ToldIdle time.Duration // the same for Idle
}

// Kept reports whether the chapter's promises hold.
func (c Chapter) Kept() bool {
	if !c.Broken {
		return c.UDP.Lost == 0 && c.Stream.survived() && c.Idle.survived() && c.Connect.Failed == 0
	}
	return c.UDP.Gap <= c.Promise && inTime(c.Stream, c.Told) && inTime(c.Idle, min(c.ToldIdle, c.Took+c.ToldIdle-c.Spare))
}

// inTime holds for a connection that broke soon enough: its address is gone, so it cannot have survived.
func inTime(s StreamResult, told time.Duration) bool { return s.Cause != nil && told <= ToldPromise }

// Story is what Play saw.
type Story struct{ Chapters []Chapter }

// Kept reports whether every promise holds.
func (s Story) Kept() bool {
	for _, c := range s.Chapters {
		if !c.Kept() {
			return false
		}
	}
	return len(s.Chapters) > 0
}

// stage is where a story plays: the first line of the house is the better one.
type stage struct {
	w      io.Writer
	house  *House
	box    *Box
	device *Device
	good   *Line
	spare  *Line
	start  time.Time
	phase  time.Duration
}

// Play plays the story in a house whose first router's daemon runs, with its first two lines: both up, cable pulled,
// back, provider dead behind a live cable, back. It prints to w what the first client felt, and a table in the end. It waits
// for events and not for times; the error is of a story that could not be played to its end.
func Play(ctx context.Context, w io.Writer, h *House, b *Box) (Story, error) {
	return playAt(ctx, w, h, b, 0)
}

// playAt is Play with every event put off by a phase: several runs hit a daemon's probes at different moments.
func playAt(ctx context.Context, w io.Writer, h *House, b *Box, phase time.Duration) (Story, error) {
	if len(h.Lines) < 2 || len(h.Devices) < 1 {
		return Story{}, fmt.Errorf("the story needs two lines and a client, the house has %d and %d", len(h.Lines), len(h.Devices))
	}
	s := &stage{w: w, house: h, box: b, device: h.Devices[0], good: h.Lines[0], spare: h.Lines[1],
		start: time.Now(), phase: phase}
	story, err := s.play(ctx)
	if err == nil {
		story.Print(w)
	}
	return story, err
}

func (s *stage) play(ctx context.Context) (story Story, err error) {
	if err := s.opening(ctx); err != nil {
		return story, err
	}
	cable := func(verb func(router, isp string) error) func() error {
		return func() error { return verb(s.box.Name, s.good.Name) }
	}
	for _, scene := range []struct {
		Chapter
		happen func() error
	}{
		{Chapter{Title: "cable pulled", Broken: true, Promise: CablePromise}, cable(s.house.Cut)},
		{Chapter{Title: "cable back"}, cable(s.house.Plug)},
		{Chapter{Title: "provider dead, cable fine", Broken: true, Promise: HolePromise, Spare: SparePromise},
			func() error { return s.house.Blackhole(s.good.Name, Beyond) }},
		{Chapter{Title: "provider back"}, func() error { return s.house.Heal(s.good.Name) }},
	} {
		c, err := s.chapter(ctx, scene.Chapter, scene.happen)
		if err != nil {
			return story, fmt.Errorf("%s: %w", scene.Title, err)
		}
		story.Chapters = append(story.Chapters, c)
	}
	return story, nil
}

// say prints one line with the time since the beginning.
func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.w, "%6.1f s  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

func (s *stage) opening(ctx context.Context) error {
	s.say("A house with %s and %s. Its router asks both for an address.", s.good.Name, s.spare.Name)
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	status, err := s.box.AwaitStatus(ctx, func(st Status) bool {
		return st.Active() == s.good.Name && st.All("up")
	})
	if err != nil {
		return err
	}
	if err := s.carried(ctx, s.good); err != nil {
		return err
	}
	s.say("%s", status.Sentence)
	return nil
}

// carried waits until the Internet sees a new flow of the house come from a line.
func (s *stage) carried(ctx context.Context, by *Line) error {
	for {
		if from, err := s.device.Seen(ctx); err == nil && by.Carries(from) {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("wait for a new flow by %s: %w", by.Name, err)
		}
	}
}

// pause waits for a time that is part of the story: the end of a measurement, not of an event.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
