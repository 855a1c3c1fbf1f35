package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

// titles head the pages in the terminal.
var titles = map[wizard.Page]string{
	wizard.Ports: "Ports", wizard.Internet: "Ways to the Internet", wizard.Home: "The house",
	wizard.Twins: "A second router", wizard.Alerts: "Messages", wizard.Password: "Your password",
}

// step is a question that was answered.
type step struct {
	page wizard.Page
	id   string
}

// interview is the way through the questions of one draft.
type interview struct {
	v     *visit
	d     *wizard.Draft
	asked []step
	held  map[string]string // answers that count together only: of the ports, and of the lines' order
	page  wizard.Page       // the last one headed
}

// ask puts every question that makes sense, until none is left.
func (v *visit) ask(ctx context.Context, d *wizard.Draft) error {
	i := &interview{v: v, d: d, held: map[string]string{}}
	for {
		page, q, left := i.next()
		if !left {
			return nil
		}
		if err := i.put(ctx, page, q); err != nil {
			return v.left()
		}
	}
}

// next returns the first question that was not asked yet.
func (i *interview) next() (wizard.Page, wizard.Question, bool) {
	for _, page := range i.d.Pages(i.v.facts) {
		for _, q := range i.d.Questions(page, i.v.facts) {
			if !slices.Contains(i.asked, step{page, q.ID}) {
				return page, q, true
			}
		}
	}
	return "", wizard.Question{}, false
}

// put asks one question, until its answer is good or the owner goes back.
func (i *interview) put(ctx context.Context, page wizard.Page, q wizard.Question) error {
	if i.page != page {
		i.v.say("\n== %s\n", titles[page])
		i.page = page
	}
	if answer, given := i.held[q.ID]; given {
		q.Value = answer
	}
	i.v.show(q)
	line, err := i.v.line(ctx, prompt(q), q.Kind == wizard.Secret)
	if q.Kind != wizard.Secret {
		line = strings.TrimSpace(line)
	}
	switch {
	case err != nil:
		return err
	case line == "?":
		i.v.explain(q)
		return nil
	case line == "b":
		i.back()
		return nil
	case line == "w" && page == wizard.Ports:
		i.v.watchCables(ctx)
		return nil
	}
	i.take(ctx, page, q, chosen(q, line))
	return nil
}

// back makes the question before this one the next.
func (i *interview) back() {
	if len(i.asked) > 0 {
		i.asked = i.asked[:len(i.asked)-1]
	}
}

// take gives an answer to the draft.
func (i *interview) take(ctx context.Context, page wizard.Page, q wizard.Question, answer string) {
	values := map[string]string{q.ID: answer}
	switch {
	case page == wizard.Ports, strings.HasSuffix(q.ID, ".turn"):
		i.held[q.ID] = answer
		i.asked = append(i.asked, step{page, q.ID})
		if !i.whole(page, q) {
			return
		}
		values = i.release(page)
	case q.ID == "pair.code":
		joined, err := i.v.client.JoinPair(ctx, answer)
		if err != nil {
			i.v.say("   ! %v\n", err)
			return
		}
		i.v.facts.Joined = &joined
		values = map[string]string{"pair.role": "second"}
	}
	wrong := i.d.Answer(page, i.v.facts, values)
	for _, w := range wrong {
		i.v.say("   ! %s: %s\n", w.Ask, w.Problem)
		if w.Hint != "" {
			i.v.say("     hint: %s\n", w.Hint)
		}
	}
	switch {
	case len(wrong) > 0 && page == wizard.Ports: // all of them once more
		i.asked = nil
	case len(wrong) > 0 && q.ID == "password.two":
		i.back()
	case len(wrong) == 0 && !slices.Contains(i.asked, step{page, q.ID}):
		i.asked = append(i.asked, step{page, q.ID})
	}
}

// whole reports whether this was the last of the answers that count together.
func (i *interview) whole(page wizard.Page, q wizard.Question) bool {
	if page == wizard.Ports {
		next, _, left := i.next()
		return !left || next != page
	}
	return q.ID == fmt.Sprintf("line.%d.turn", len(i.d.Lines)-1)
}

// release returns the answers that were held back for a page.
func (i *interview) release(page wizard.Page) map[string]string {
	values := map[string]string{}
	for id, answer := range i.held {
		if strings.HasPrefix(id, "port.") == (page == wizard.Ports) {
			values[id] = answer
		}
	}
	return values
}

// show prints a question with its answers to choose from.
func (v *visit) show(q wizard.Question) {
	v.say("\n")
	if q.Under != "" {
		v.say("%s: ", q.Under)
	}
	v.say("%s\n", q.Ask)
	if q.Kind == wizard.Choice && strings.HasPrefix(q.ID, "port.") {
		v.say("   %s\n", q.Help)
	}
	for n, o := range q.Options {
		text := o.Label
		if o.Note != "" {
			text += ": " + o.Note
		}
		v.say("  %2d  %s\n", n+1, text)
	}
}

// watchCables says which cable is moved, for half a minute at most. Somebody who walks to the box needs some of it.
func (v *visit) watchCables(ctx context.Context) {
	const long, pace = 30 * time.Second, 300 * time.Millisecond
	v.say("   Unplug a cable now, or plug one in.\n")
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	before := v.cables()
	for {
		for name, there := range v.cables() {
			switch was, known := before[name]; {
			case !known || was == there:
			case there:
				v.say("   You plugged something into %s.\n", name)
				return
			default:
				v.say("   You unplugged %s.\n", name)
				return
			}
		}
		select {
		case <-ctx.Done():
			v.say("   Nothing has moved.\n")
			return
		case <-time.After(pace):
		}
	}
}

func (v *visit) explain(q wizard.Question) {
	if q.Help == "" {
		v.say("   There is no more to say about it.\n")
		return
	}
	v.say("   %s\n", q.Help)
}

// prompt shows what Enter answers.
func prompt(q wizard.Question) string {
	switch {
	case q.Kind == wizard.Secret && q.Optional:
		return "[as it is] "
	case q.Kind == wizard.Secret:
		return "> "
	case q.Kind == wizard.Choice:
		for n, o := range q.Options {
			if o.Value == q.Value {
				return fmt.Sprintf("[%d] ", n+1)
			}
		}
	case q.Optional && q.Value != "":
		return fmt.Sprintf("[%s] (- for none) ", q.Value)
	case q.Value != "":
		return fmt.Sprintf("[%s] ", q.Value)
	case q.Optional:
		return "[none] "
	}
	return "> "
}

// chosen is what a line means as the answer to a question.
func chosen(q wizard.Question, line string) string {
	switch {
	case line == "":
		return q.Value
	case line == "-" && q.Optional:
		return ""
	case q.Kind == wizard.Choice:
		if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(q.Options) {
			return q.Options[n-1].Value
		}
	case q.Kind == wizard.Flag && len(line) == 1:
		return map[string]string{"y": "yes", "n": "no"}[strings.ToLower(line)]
	}
	return line
}
