package lab

import (
	"context"
	"fmt"
	"time"
)

// before is how long the instruments run before an event, after how long they go on when it is over.
const (
	before = 500 * time.Millisecond
	after  = time.Second
)

// instruments are the flows of one chapter. They are new in each, for running flows may rightly stay on
// the line they began on.
type instruments struct {
	udp     *UDPProbe
	stream  *Stream
	idle    *Stream
	connect *Connector
}

func (d *Device) measure(ctx context.Context) (i instruments, err error) {
	if i.stream, err = d.StartStream(ctx, StreamInterval); err != nil {
		return i, err
	}
	if i.idle, err = d.StartStream(ctx, 0); err != nil {
		i.stop(new(Chapter))
		return i, err
	}
	if i.udp, err = d.StartUDP(UDPInterval); err != nil {
		i.stop(new(Chapter))
		return i, err
	}
	i.connect = d.StartConnector(ConnectInterval)
	return i, nil
}

// stop ends what has been started and notes the results.
func (i instruments) stop(c *Chapter) {
	if i.connect != nil {
		c.Connect = i.connect.Stop()
	}
	if i.udp != nil {
		c.UDP = i.udp.Stop()
	}
	if i.stream != nil {
		c.Stream = i.stream.Stop()
	}
	if i.idle != nil {
		c.Idle = i.idle.Stop()
	}
}

// chapter lets something happen and measures it.
func (s *stage) chapter(ctx context.Context, c Chapter, happen func() error) (Chapter, error) {
	bounded, cancel := context.WithTimeout(ctx, before+switchBound)
	i, err := s.device.measure(bounded)
	cancel()
	if err != nil {
		return c, err
	}
	err = s.watch(ctx, &c, i, happen)
	i.stop(&c)
	if err != nil {
		return c, err
	}
	s.tell(c)
	return c, nil
}

func (s *stage) watch(ctx context.Context, c *Chapter, i instruments, happen func() error) error {
	if err := pause(ctx, before+s.phase); err != nil {
		return err
	}
	mark := time.Now()
	if err := happen(); err != nil {
		return err
	}
	fmt.Fprintln(s.w)
	s.say("%s: %s", s.good.Name, c.Title)
	var err error
	if c.Broken {
		err = s.failed(ctx, c, i, mark)
	} else {
		err = s.returned(ctx)
	}
	if err != nil {
		return err
	}
	if !c.Broken {
		c.Took = time.Since(mark)
	}
	if err := pause(ctx, after); err != nil {
		return err
	}
	if !c.Broken {
		i.idle.record() // an idle connection shows only when used that it survived
		if err := s.await(ctx, toldBound, i.idle.settled); ctx.Err() != nil {
			return err
		}
	}
	return s.ending(ctx, c)
}

// failed waits until the spare line carries, then until the TCP clients know.
func (s *stage) failed(ctx context.Context, c *Chapter, i instruments, mark time.Time) error {
	var switched time.Time
	err := s.await(ctx, switchBound, func() bool {
		switched = i.udp.First(mark, s.spare)
		return !switched.IsZero()
	})
	if err != nil {
		return fmt.Errorf("wait for %s to carry: %w", s.spare.Name, err)
	}
	c.Took = switched.Sub(mark)
	told := func() bool { return i.stream.Result().Cause != nil && i.idle.Result().Cause != nil }
	if err := s.await(ctx, toldBound, told); ctx.Err() != nil {
		return err // else it is a broken promise, which the table shows
	}
	c.Told, c.ToldIdle = i.stream.Result().Told(switched), i.idle.Result().Told(switched)
	return s.carried(ctx, s.spare)
}

// returned waits until the better line carries new flows again.
func (s *stage) returned(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, returnBound)
	defer cancel()
	var told string
	_, err := s.box.AwaitStatus(ctx, func(st Status) bool {
		if st.Active() == s.good.Name {
			return true
		}
		if state := st.state(s.good.Name); state != told { // so that a long proof does not look like a hang
			told = state
			s.say("%s is %s", s.good.Name, state)
		}
		return false
	})
	if err != nil {
		return err
	}
	return s.carried(ctx, s.good)
}

// ending notes the state of affairs at the chapter's end.
func (s *stage) ending(ctx context.Context, c *Chapter) error {
	from, err := s.device.Seen(ctx)
	if err != nil {
		return fmt.Errorf("ask the Internet who we are: %w", err)
	}
	c.Line = s.house.LineOf(from)
	status, err := s.box.Status(ctx)
	c.Sentence = status.Sentence
	return err
}

// await looks until is holds.
func (s *stage) await(ctx context.Context, bound time.Duration, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for !is() {
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return nil
}

// tell prints what the house felt.
func (s *stage) tell(c Chapter) {
	for _, line := range [][2]string{
		{"UDP each 2 ms", fmt.Sprintf("longest gap %s, %d of %d lost", round(c.UDP.Gap), c.UDP.Lost, c.UDP.Sent)},
		{"TCP stream", c.fate(c.Stream, c.Told)},
		{"idle connection", c.fate(c.Idle, c.ToldIdle)},
		{"new connections", fmt.Sprintf("%d of %d failed", c.Connect.Failed, c.Connect.Tried)},
		{"new flows", fmt.Sprintf("by %s, first seen %s after the event", c.Line, round(c.Took))},
	} {
		fmt.Fprintf(s.w, "%10s  %-16s %s\n", "", line[0], line[1])
	}
	s.say("%s", c.Sentence)
}

// fate is what became of a connection. Nobody minds whether it was told a little before the first datagram came through.
func (c Chapter) fate(r StreamResult, told time.Duration) string {
	switch {
	case c.Broken && r.Cause == nil:
		return "never told"
	case c.Broken:
		return fmt.Sprintf("told after %s", round(max(told, 0)))
	case r.Cause != nil:
		return "broke"
	case !r.survived():
		return "stalled"
	}
	return "survived"
}
