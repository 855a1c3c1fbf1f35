package chromium

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// pipe speaks the DevTools protocol as --remote-debugging-pipe has it: JSON messages, each with a zero byte after it.
type pipe struct {
	in  io.WriteCloser
	out io.ReadCloser

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	heard   map[string]func(method string, params json.RawMessage) // by session
	done    chan struct{}                                          // closed when the browser says nothing more
}

// message is a question, an answer or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *refusal        `json:"error,omitempty"`
}

// refusal is the browser's word for what it did not do.
type refusal struct {
	Message string `json:"message"`
	Data    string `json:"data"`
}

var errEnded = errors.New("the browser has ended")

func newPipe(in io.WriteCloser, out io.ReadCloser) *pipe {
	return &pipe{in: in, out: out, waiting: map[int]chan message{},
		heard: map[string]func(string, json.RawMessage){}, done: make(chan struct{})}
}

// read serves answers and events until the browser closes its end.
func (p *pipe) read() {
	defer close(p.done)
	for in := bufio.NewReader(p.out); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			return // it speaks something else
		}
		p.mu.Lock()
		asked, hear := p.waiting[m.ID], p.heard[m.Session]
		delete(p.waiting, m.ID)
		p.mu.Unlock()
		switch {
		case asked != nil:
			asked <- m
		case hear != nil && m.Method != "":
			hear(m.Method, m.Params)
		}
	}
}

// listen gives a session's events to f, on the reading goroutine. A nil f ends that.
func (p *pipe) listen(session string, f func(method string, params json.RawMessage)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f == nil {
		delete(p.heard, session)
		return
	}
	p.heard[session] = f
}

// call asks for one thing and waits for the answer, which may be nil when nobody reads it.
func (p *pipe) call(ctx context.Context, session, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer := make(chan message, 1)
	id, err := p.send(session, method, params, answer)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		return m.read(method, result)
	case <-p.done:
		err = errEnded
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
	return fmt.Errorf("%s: %w", method, err)
}

func (p *pipe) send(session, method string, params any, answer chan message) (int, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	text, err := json.Marshal(message{ID: p.last, Session: session, Method: method, Params: body})
	if err != nil {
		return 0, err
	}
	p.waiting[p.last] = answer
	if _, err = p.in.Write(append(text, 0)); err != nil {
		delete(p.waiting, p.last)
	}
	return p.last, err
}

func (m message) read(method string, result any) error {
	if m.Error != nil {
		return fmt.Errorf("%s: %s %s", method, m.Error.Message, m.Error.Data)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, result); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

func (p *pipe) close() {
	_ = p.in.Close() // the browser may have gone before
	_ = p.out.Close()
}
