package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The promises of the pair's story (issues 3 and 8, "must show").
const (
	// SilencePromise is the longest time in which the gateway's address itself answers nobody while a router that can still
	// speak hands it over, or is not needed at all.
	SilencePromise = 20 * time.Millisecond
	// SeveralPromise is how long two routers may have the address.
	SeveralPromise = 100 * time.Millisecond
	// PowerPromise is how long a power cut is felt, whatever the interval of the adverts is: VRRP alone waits for three of them.
	PowerPromise = 250 * time.Millisecond
)

const (
	// systemdPause is what systemd waits before it starts a dead daemon again (RestartSec, its default).
	systemdPause = 100 * time.Millisecond
	// unnoticed is how long after a crash nothing must have happened: the sentinel waits 2 s for the daemon, and a Backup that has
	// heard its good-bye less than one more.
	unnoticed = 4 * time.Second
	// orphaned is how long the connections of a router whose daemon stays dead may go on there, and how long finding that out may take.
	orphaned = 20 * time.Second
)

// pairStage is where a pair's story plays: the stage's box is the main router, its good line that of main.
type pairStage struct {
	stage
	other   *Box
	holders *Holders
}

// scene is a chapter before it is played.
type scene struct {
	PairChapter
	happen func(context.Context) error
}

// PlayPair plays the story of two routers in a Pair whose daemons run: main's daemon crashes and comes back at once, crashes and stays
// away, starts again; main's provider dies and comes back; main is drained and resumes; main loses its power. It prints to w what the first
// client felt, and a table in the end. The error is of a story that could not be played to its end.
func PlayPair(ctx context.Context, w io.Writer, h *House) (PairStory, error) {
	return playPairAt(ctx, w, h, 0)
}

// playPairAt is PlayPair with every event put off by a phase.
func playPairAt(ctx context.Context, w io.Writer, h *House, phase time.Duration) (PairStory, error) {
	if len(h.Boxes) < 2 || len(h.Lines) < 2 || len(h.Devices) < 1 {
		return nil, fmt.Errorf("the pair's story needs two routers with a line each and a client, the house has %d, %d and %d",
			len(h.Boxes), len(h.Lines), len(h.Devices))
	}
	holders, err := h.Watch(PairGateway)
	if err != nil {
		return nil, err
	}
	s := &pairStage{other: h.Boxes[1], holders: holders, stage: stage{w: w, house: h, box: h.Boxes[0], device: h.Devices[0],
		good: h.Lines[0], spare: h.Lines[1], start: time.Now(), phase: phase}}
	story, err := s.play(ctx)
	if err == nil {
		story.Print(w)
		s.say("%s has no power (\"poweron %[1]s\" gives it back), %[2]s serves the house.", s.box.Name, s.other.Name)
	}
	return story, err
}

func (s *pairStage) play(ctx context.Context) (story PairStory, err error) {
	if err := s.opening(ctx); err != nil {
		return nil, err
	}
	for _, one := range s.scenes() {
		c, err := s.chapter(ctx, one)
		if err != nil {
			return story, fmt.Errorf("%s: %w", one.Title, err)
		}
		story = append(story, c)
	}
	return story, nil
}

func (s *pairStage) scenes() []scene {
	main, backup := s.box.Name, s.other.Name
	return []scene{
		{PairChapter{Title: main + "'s daemon killed, back at once", From: main, To: main, Silence: SilencePromise}, s.crash},
		{PairChapter{Title: main + "'s daemon killed for good", From: main, To: backup, Breaks: true, Silence: SilencePromise},
			func(context.Context) error { return s.box.Kill() }},
		{PairChapter{Title: main + "'s daemon started", From: backup, To: main, Silence: SilencePromise}, s.box.Restart},
		{PairChapter{Title: main + "'s provider dead, cable fine", From: main, To: backup, Breaks: true, Gap: HolePromise, Silence: SilencePromise},
			func(context.Context) error { return s.house.Blackhole(s.good.Name, Beyond) }},
		{PairChapter{Title: main + "'s provider back", From: backup, To: main, Silence: SilencePromise},
			func(context.Context) error { return s.house.Heal(s.good.Name) }},
		{PairChapter{Title: main + " drained, as before an update", From: main, To: backup, Silence: SilencePromise}, s.order("drain")},
		{PairChapter{Title: main + " resumes", From: backup, To: main, Silence: SilencePromise}, s.order("resume")},
		{PairChapter{Title: main + " loses its power", From: main, To: backup, Breaks: true, Gap: PowerPromise, Silence: PowerPromise},
			func(context.Context) error { return s.house.PowerOff(main) }},
	}
}

// order gives main's daemon one.
func (s *pairStage) order(word string) func(context.Context) error {
	return func(ctx context.Context) error {
		said, err := s.box.Call(ctx, word)
		if said = strings.TrimSpace(said); said != "" {
			s.say("%s says: %s", s.box.Name, said)
		}
		return err
	}
}

// crash kills the daemon and starts it again as systemd does.
func (s *pairStage) crash(ctx context.Context) error {
	if err := s.box.Kill(); err != nil {
		return err
	}
	if err := pause(ctx, systemdPause); err != nil {
		return err
	}
	return s.box.Restart(ctx)
}

func (s *pairStage) opening(ctx context.Context) error {
	s.say("A house with two routers: %s on %s, %s on %s. They share %s.", s.box.Name, s.good.Name, s.other.Name, s.spare.Name, PairGateway)
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	for _, want := range []struct {
		box   *Box
		state string
	}{{s.box, "active"}, {s.other, "backup"}} {
		status, err := want.box.AwaitStatus(ctx, func(st Status) bool {
			return st.All("up") && len(st.VRRP) > 0 && st.VRRP[0].State == want.state && st.Pair.Linked
		})
		if err != nil {
			return err
		}
		defer s.say("%s: %s", want.box.Name, status.Sentence)
	}
	return s.moved(ctx, s.box)
}

// served reports whether only this router has the gateway's address.
func (s *pairStage) served(by *Box) bool { return slices.Equal(s.holders.Now(), []string{by.Name}) }

// moved waits until only this router has the gateway's address and new flows go by its line.
func (s *pairStage) moved(ctx context.Context, to *Box) error {
	for !s.served(to) {
		if err := pause(ctx, look); err != nil {
			return fmt.Errorf("wait for %s to have %s: %w\n%s", to.Name, PairGateway, err, s.holders.Story())
		}
	}
	if err := s.carried(ctx, s.line(to)); err != nil || !s.six() {
		return err
	}
	for {
		if from, err := s.device.Seen6(ctx); err == nil && s.line(to).Carries(from) {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return fmt.Errorf("wait for a new flow of IPv6 by %s: %w", s.line(to).Name, err)
		}
	}
}

// six reports whether the house has IPv6 by both lines.
func (s *pairStage) six() bool { return s.good.IPv6().IsValid() && s.spare.IPv6().IsValid() }

func (s *pairStage) line(of *Box) *Line { return of.lines[0] }

func (s *pairStage) named(router string) *Box {
	if router == s.box.Name {
		return s.box
	}
	return s.other
}
