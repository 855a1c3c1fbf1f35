package chromium

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// thrown is an exception of the page's script.
type thrown struct {
	Text      string `json:"text"`
	Exception struct {
		Description string `json:"description"`
	} `json:"exception"`
}

func (t thrown) String() string { return strings.TrimSpace(t.Text + " " + t.Exception.Description) }

// hear notes what the browser tells of the page.
func (p *Page) hear(method string, params json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch method {
	case "Page.lifecycleEvent":
		p.life(params)
	case "Network.requestWillBeSent":
		p.request(params)
	case "Runtime.exceptionThrown":
		var e struct {
			Details thrown `json:"exceptionDetails"`
		}
		if json.Unmarshal(params, &e) == nil {
			p.complain("exception: %s", e.Details)
		}
	case "Runtime.consoleAPICalled":
		p.console(params)
	case "Log.entryAdded":
		p.entry(params)
	case "Audits.issueAdded":
		p.issue(params)
	}
}

func (p *Page) complain(format string, args ...any) {
	p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
}

func (p *Page) life(params json.RawMessage) {
	var e struct {
		Loader string `json:"loaderId"`
		Name   string `json:"name"`
	}
	if json.Unmarshal(params, &e) == nil && e.Name == "load" {
		p.loaded[e.Loader] = true
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

func (p *Page) request(params json.RawMessage) {
	var e struct {
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
	}
	if json.Unmarshal(params, &e) != nil {
		return
	}
	p.requests = append(p.requests, e.Request.URL)
	u, err := url.Parse(e.Request.URL)
	if err != nil || !slices.Contains([]string{"about", "blob", "data"}, u.Scheme) && !p.own[u.Host] {
		p.complain("request to a foreign host: %.200s", e.Request.URL)
	}
}

func (p *Page) console(params json.RawMessage) {
	var e struct {
		Type string `json:"type"`
		Args []struct {
			Value       any    `json:"value"`
			Description string `json:"description"`
		} `json:"args"`
	}
	if json.Unmarshal(params, &e) == nil && slices.Contains([]string{"error", "warning", "assert"}, e.Type) {
		p.complain("console: %s: %v", e.Type, e.Args)
	}
}

func (p *Page) entry(params json.RawMessage) {
	var e struct {
		Entry struct {
			Source string `json:"source"`
			Level  string `json:"level"`
			Text   string `json:"text"`
			URL    string `json:"url"`
		} `json:"entry"`
	}
	if json.Unmarshal(params, &e) == nil && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
		p.complain("%s: %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	}
}

// issue is what the browser's own audit found, such as a violation of the content security policy.
func (p *Page) issue(params json.RawMessage) {
	var e struct {
		Issue struct {
			Code    string          `json:"code"`
			Details json.RawMessage `json:"details"`
		} `json:"issue"`
	}
	const advice = "GenericIssue" // on names and autocompletion of form fields
	if json.Unmarshal(params, &e) == nil && e.Issue.Code != advice {
		p.complain("audit: %s: %.400s", e.Issue.Code, e.Issue.Details)
	}
}

// Complaints are requests to foreign hosts, errors and warnings of the console, uncaught exceptions and violations of the
// page's policy since the last call of Forgive.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.complaints)
}

// Forgive forgets the complaints in which one of the phrases occurs: those that a test has asked for.
func (p *Page) Forgive(phrases ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = slices.DeleteFunc(p.complaints, func(c string) bool {
		return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(c, phrase) })
	})
}

// Requests are the addresses that the page has asked for, all of them.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}
