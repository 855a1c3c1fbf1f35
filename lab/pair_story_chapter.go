package lab

import (
	"context"
	"fmt"
	"time"
)

// PairChapter is one event of the pair's story and what the house felt of it.
type PairChapter struct {
	Title    string
	From, To string        // the routers that serve the house before and after
	Breaks   bool          // the running connections end: their router is dead, or its line
	Gap      time.Duration // longest UDP gap allowed; 0: no datagram may be lost
	Silence  time.Duration // longest time allowed in which the gateway's address does not answer
	Serves   string        // who has the address at the end
	Line     string        // that carries new flows at the end, as the Internet sees it
	Sentence string        // of the serving daemon's status at the end
	Took     time.Duration // from the event until To's line carried new flows, or where they break also those that ran
	UDP      UDPResult
	Ping     PingResult // of the gateway's address itself
	Stream   StreamResult
	Stream6  *StreamResult // by IPv6; nil in a house without
	Connect  ConnectResult
	Told     time.Duration // from the move until Stream broke; 0 while it lives
	Told6    time.Duration
	Holders  HolderTimes // of the gateway's address, from the event on
}

// moves reports whether the house changes its router.
func (c PairChapter) moves() bool { return c.From != c.To }

// Kept reports whether the chapter's promises hold.
func (c PairChapter) Kept() bool { return c.kept(0) }

// kept is Kept on a machine that may be late by slack.
func (c PairChapter) kept(slack time.Duration) bool {
	switch {
	case c.Serves != c.To || c.Holders.Several > SeveralPromise+slack || c.Ping.Gap > c.Silence+slack:
		return false
	case c.UDP.Gap > c.Gap+slack || c.Gap+slack == 0 && c.UDP.Lost > 0:
		return false
	case c.Breaks:
		return c.told(c.Stream, c.Told, slack) && (c.Stream6 == nil || c.told(*c.Stream6, c.Told6, slack))
	case !c.Stream.survived() || c.Stream6 != nil && !c.Stream6.survived():
		return false
	}
	return c.Connect.Failed == 0 && len(c.UDP.Via) <= 1 && (c.moves() || c.Holders.Changes == 0)
}

// told reports whether the client of a connection that ends knew it in time.
func (c PairChapter) told(s StreamResult, after, slack time.Duration) bool {
	return s.Cause != nil && after <= ToldPromise+slack
}

// pairInstruments are the flows of one chapter.
type pairInstruments struct {
	stream  *Stream
	stream6 *Stream // nil in a house without IPv6
	udp     *UDPProbe
	ping    *Pinger
	connect *Connector
}

// gatewayPing is the time between two pings of the gateway's address: the resolution of its silence.
const gatewayPing = 5 * time.Millisecond

func (d *Device) measurePair(ctx context.Context, six bool) (i pairInstruments, err error) {
	if i.stream, err = d.StartStream(ctx, StreamInterval); err != nil {
		return i, err
	}
	if six {
		if i.stream6, err = d.startStream(ctx, echoServer6(), StreamInterval); err != nil {
			i.stop(new(PairChapter))
			return i, err
		}
	}
	if i.udp, err = d.StartUDP(UDPInterval); err != nil {
		i.stop(new(PairChapter))
		return i, err
	}
	if i.ping, err = d.StartPinger(PairGateway.String(), gatewayPing); err != nil {
		i.stop(new(PairChapter))
		return i, err
	}
	i.connect = d.StartConnector(ConnectInterval)
	return i, nil
}

// stop ends what has been started and notes the results.
func (i pairInstruments) stop(c *PairChapter) {
	if i.connect != nil {
		c.Connect = i.connect.Stop()
	}
	if i.ping != nil {
		c.Ping = i.ping.Stop()
	}
	if i.udp != nil {
		c.UDP = i.udp.Stop()
	}
	if i.stream != nil {
		c.Stream = i.stream.Stop()
	}
	if i.stream6 != nil {
		r := i.stream6.Stop()
		c.Stream6 = &r
	}
}

// chapter lets something happen and measures it.
func (s *pairStage) chapter(ctx context.Context, one scene) (PairChapter, error) {
	c := one.PairChapter
	bounded, cancel := context.WithTimeout(ctx, before+switchBound)
	i, err := s.device.measurePair(bounded, s.six())
	cancel()
	if err != nil {
		return c, err
	}
	err = s.watch(ctx, &c, i, one.happen)
	i.stop(&c)
	if err != nil {
		return c, err
	}
	s.tell(c)
	return c, nil
}

func (s *pairStage) watch(ctx context.Context, c *PairChapter, i pairInstruments, happen func(context.Context) error) error {
	if err := pause(ctx, before+s.phase); err != nil {
		return err
	}
	fmt.Fprintln(s.w)
	s.say("%s", c.Title)
	mark := time.Now()
	if err := happen(ctx); err != nil {
		return err
	}
	follow := s.stayed
	if c.moves() {
		follow = s.switched
	}
	if err := follow(ctx, c, i, mark); err != nil {
		return err
	}
	if err := pause(ctx, after); err != nil {
		return err
	}
	c.Holders = s.holders.Since(mark)
	return s.ending(ctx, c)
}

// stayed waits for the restarted daemon, and as long as its absence might have had consequences.
func (s *pairStage) stayed(ctx context.Context, c *PairChapter, _ pairInstruments, mark time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	_, err := s.named(c.To).AwaitStatus(ctx, func(st Status) bool {
		return st.All("up") && len(st.VRRP) > 0 && st.VRRP[0].State == "active"
	})
	if err != nil {
		return err
	}
	return pause(ctx, time.Until(mark.Add(unnoticed)))
}

// switched waits until the other router serves the house, then, if the running connections end, until their client knows.
func (s *pairStage) switched(ctx context.Context, c *PairChapter, i pairInstruments, mark time.Time) error {
	bounded, cancel := context.WithTimeout(ctx, returnBound)
	defer cancel()
	to := s.named(c.To)
	stop := s.narrate(bounded, to)
	err := s.moved(bounded, to)
	stop()
	c.Took = time.Since(mark)
	if err != nil || !c.Breaks {
		return err
	}
	var first time.Time
	err = s.await(ctx, orphaned, func() bool {
		first = i.udp.First(mark, s.line(to))
		return !first.IsZero()
	})
	if err != nil {
		return fmt.Errorf("wait for the running flow on %s: %w", s.line(to).Name, err)
	}
	c.Took = first.Sub(mark)
	if err := s.await(ctx, toldBound, i.broken); ctx.Err() != nil {
		return err // else it is a broken promise, which the table shows
	}
	c.Told = i.stream.Result().Told(first)
	if i.stream6 != nil {
		c.Told6 = i.stream6.Result().Told(first)
	}
	return nil
}

// broken reports whether the running connections have ended.
func (i pairInstruments) broken() bool {
	return i.stream.Result().Cause != nil && (i.stream6 == nil || i.stream6.Result().Cause != nil)
}

// narrate says how a router's line becomes better, so that a long proof does not look like a hang.
func (s *pairStage) narrate(ctx context.Context, b *Box) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		told := "up"
		_, _ = b.AwaitStatus(ctx, func(st Status) bool {
			if state := st.state(s.line(b).Name); len(st.WANs) > 0 && state != told {
				told = state
				s.say("%s is %s", s.line(b).Name, state)
			}
			return false
		})
	}()
	return func() { cancel(); <-done }
}

// ending notes the state of affairs at the chapter's end.
func (s *pairStage) ending(ctx context.Context, c *PairChapter) error {
	from, err := s.device.Seen(ctx)
	if err != nil {
		return fmt.Errorf("ask the Internet who we are: %w", err)
	}
	c.Line = s.house.LineOf(from)
	for _, name := range s.holders.Now() {
		c.Serves = name // of several the last: Holders counts them
	}
	status, err := s.named(c.Serves).Status(ctx)
	c.Sentence = status.Sentence
	return err
}
