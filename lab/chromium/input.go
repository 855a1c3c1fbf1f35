package chromium

import (
	"context"
	"encoding/json"
	"fmt"
)

// place finds where to click: the middle of the element, or of its label when the element itself is not drawn.
const place = `(selector => {
	let e = document.querySelector(selector)
	if (!e) return {problem: "there is none"}
	if (e.disabled) return {problem: "it is disabled"}
	let box = e.getBoundingClientRect()
	if ((box.width < 2 || box.height < 2) && e.labels && e.labels.length) e = e.labels[0]
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"})
	box = e.getBoundingClientRect()
	if (box.width < 1 || box.height < 1) return {problem: "it is not visible"}
	const x = box.x + box.width / 2, y = box.y + box.height / 2
	const top = document.elementFromPoint(x, y)
	if (!top || !(e.contains(top) || top.contains(e) || (e.labels && [...e.labels].some(l => l.contains(top)))))
		return {problem: "it is covered by " + (top ? top.outerHTML.slice(0, 120) : "nothing that is drawn")}
	return {x, y}
})`

// Click clicks in the middle of the first element that a CSS selector finds. What a person could not click is an error.
func (p *Page) Click(ctx context.Context, selector string) error {
	var at struct {
		X, Y    float64
		Problem string
	}
	if err := p.Eval(ctx, place+"("+quote(selector)+")", &at); err != nil {
		return fmt.Errorf("click %s: %w", selector, err)
	}
	if at.Problem != "" {
		return fmt.Errorf("click %s: %s", selector, at.Problem)
	}
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		event := map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}
		if kind == "mouseMoved" {
			event["button"], event["clickCount"] = "none", 0
		}
		if err := p.call(ctx, "Input.dispatchMouseEvent", event, nil); err != nil {
			return fmt.Errorf("click %s: %w", selector, err)
		}
	}
	return nil
}

// Type clicks a field and writes over what is in it.
func (p *Page) Type(ctx context.Context, selector, text string) error {
	if err := p.Click(ctx, selector); err != nil {
		return err
	}
	const control = 2
	selectAll := map[string]any{"type": "rawKeyDown", "key": "a", "code": "KeyA", "windowsVirtualKeyCode": 'A', "modifiers": control,
		"commands": []string{"selectAll"}}
	if err := p.call(ctx, "Input.dispatchKeyEvent", selectAll, nil); err != nil {
		return err
	}
	if text == "" {
		return p.Press(ctx, "Backspace")
	}
	return p.call(ctx, "Input.insertText", map[string]any{"text": text}, nil)
}

// Press presses and releases a key: Tab, Enter, Space, Escape or Backspace.
func (p *Page) Press(ctx context.Context, key string) error {
	codes := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "Backspace": 8}
	texts := map[string]string{"Enter": "\r", "Space": " "}
	code, known := codes[key]
	if !known {
		return fmt.Errorf("press %q: no such key", key)
	}
	name := key
	if key == "Space" {
		name = " "
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		event := map[string]any{"type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code}
		if kind == "keyDown" {
			event["text"] = texts[key]
		}
		if err := p.call(ctx, "Input.dispatchKeyEvent", event, nil); err != nil {
			return fmt.Errorf("press %s: %w", key, err)
		}
	}
	return nil
}

// Text is what a person reads in the first element that a selector finds, empty when there is none.
func (p *Page) Text(ctx context.Context, selector string) (text string, err error) {
	err = p.Eval(ctx, "(document.querySelector("+quote(selector)+") || {innerText: ''}).innerText", &text)
	return text, err
}

// quote writes a text as JavaScript does.
func quote(text string) string {
	q, _ := json.Marshal(text) // a string cannot fail
	return string(q)
}
