package chromium

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Page is one visitor's page.
type Page struct {
	browser *Browser
	visitor string
	target  string
	session string

	mu         sync.Mutex
	own        map[string]bool // hosts that were opened: all others are foreign
	loaded     map[string]bool // loaders whose page is there
	changed    chan struct{}   // closed at the next load
	requests   []string
	complaints []string
}

func (p *Page) call(ctx context.Context, method string, params, result any) error {
	return p.browser.pipe.call(ctx, p.session, method, params, result)
}

// Another opens a second page of the same visitor.
func (p *Page) Another(ctx context.Context) (*Page, error) {
	other, err := p.browser.page(ctx, p.visitor)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for host := range p.own {
		other.own[host] = true
	}
	return other, nil
}

// Close ends the page. The visitor's cookies last as long as the browser.
func (p *Page) Close(ctx context.Context) error {
	p.browser.pipe.listen(p.session, nil)
	return p.browser.pipe.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": p.target}, nil)
}

// Open goes to an address and waits until the page is loaded. The address's host counts as the page's own from then on.
func (p *Page) Open(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	p.Own(u.Host)
	var went struct {
		Loader string `json:"loaderId"`
		Error  string `json:"errorText"`
	}
	if err := p.call(ctx, "Page.navigate", map[string]any{"url": address}, &went); err != nil {
		return fmt.Errorf("open %s: %w", address, err)
	}
	if went.Error != "" {
		return fmt.Errorf("open %s: %s", address, went.Error)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for went.Loader != "" {
		p.mu.Lock()
		there, changed := p.loaded[went.Loader], p.changed
		p.mu.Unlock()
		if there {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("open %s: %w", address, ctx.Err())
		}
	}
	return nil
}

// Own lets the page's visitor go to another host without a complaint.
func (p *Page) Own(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own[host] = true
}

// Eval evaluates an expression of JavaScript in the page, awaits it if it is a promise, and reads its value into result.
func (p *Page) Eval(ctx context.Context, expression string, result any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *thrown `json:"exceptionDetails"`
	}
	err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if err != nil {
		return err
	}
	if answer.Exception != nil {
		return fmt.Errorf("evaluate %.80q: %s", expression, answer.Exception)
	}
	if result == nil || len(answer.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, result)
}

// Await looks every few milliseconds until an expression is true, whatever pages come and go meanwhile.
func (p *Page) Await(ctx context.Context, bound time.Duration, expression string) error {
	const pace = 15 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		var is bool
		err := p.Eval(ctx, "!!("+expression+")", &is)
		if err == nil && is {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w (%v)", expression, ctx.Err(), err)
		case <-p.browser.done:
			return fmt.Errorf("await %s: %w", expression, errEnded)
		case <-time.After(pace):
		}
	}
}

// View is how the page is seen.
type View struct {
	Width, Height int // pixels
	Dark          bool
	Calm          bool // the visitor wants little motion
	Phone         bool
}

// See changes how the page is seen.
func (p *Page) See(ctx context.Context, v View) error {
	err := p.call(ctx, "Emulation.setDeviceMetricsOverride",
		map[string]any{"width": v.Width, "height": v.Height, "deviceScaleFactor": 1, "mobile": v.Phone}, nil)
	if err != nil {
		return err
	}
	scheme, motion := "light", "no-preference"
	if v.Dark {
		scheme = "dark"
	}
	if v.Calm {
		motion = "reduce"
	}
	return p.call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}}}, nil)
}

// Script switches the page's own JavaScript on or off, from the next page on. Eval goes on.
func (p *Page) Script(ctx context.Context, on bool) error {
	return p.call(ctx, "Emulation.setScriptExecutionDisabled", map[string]any{"value": !on}, nil)
}

// TrustAll makes the browser take every certificate, as somebody does who has compared the fingerprint.
func (p *Page) TrustAll(ctx context.Context) error {
	return p.call(ctx, "Security.setIgnoreCertificateErrors", map[string]any{"ignore": true}, nil)
}

// Screenshot is the whole page as PNG.
func (p *Page) Screenshot(ctx context.Context) ([]byte, error) {
	var size struct {
		Page struct {
			Width  float64 `json:"width"`
			Height float64 `json:"height"`
		} `json:"cssContentSize"`
	}
	if err := p.call(ctx, "Page.getLayoutMetrics", struct{}{}, &size); err != nil {
		return nil, err
	}
	var shot struct {
		Data string `json:"data"`
	}
	err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": size.Page.Width, "height": size.Page.Height, "scale": 1}}, &shot)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}
