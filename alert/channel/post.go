package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	// heard is how much of an answer is read; words is how many characters of it an owner gets to see.
	heard = 64 << 10
	words = 200
)

// call is one HTTP request to a service.
type call struct {
	method string // empty: POST
	url    string
	header http.Header
	json   any
	form   url.Values // instead of json
}

// do makes a call and decodes the answer's JSON when into is not nil.
func (e *errand) do(ctx context.Context, what call, into any) error {
	r, err := what.request(ctx)
	if err != nil {
		return err
	}
	response, err := e.client.Do(r)
	if err != nil {
		return bare(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, heard))
	if err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refused(response.StatusCode, text, e.scrub)
	}
	if into != nil {
		return json.Unmarshal(text, into)
	}
	return nil
}

// bare is an error of net/http without the URL that it begins with.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (what call) request(ctx context.Context) (*http.Request, error) {
	body, kind := []byte(what.form.Encode()), "application/x-www-form-urlencoded"
	if what.form == nil {
		var err error
		if body, err = json.Marshal(what.json); err != nil {
			return nil, err
		}
		kind = "application/json"
	}
	method := what.method
	if method == "" {
		method = http.MethodPost
	}
	if method == http.MethodGet {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, what.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("not a usable address")
	}
	for name, values := range what.header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", "twinpath")
	return r, nil
}

// refused is what a service says instead of taking a message: its status and its words. Secrets go before the cut, which might
// leave half of one.
func refused(status int, text []byte, scrub func(string) string) *failure {
	if status/100 == 3 {
		return &failure{text: fmt.Sprintf("it answers with a redirect (%d)\nhint: name the address that it leads to", status), final: true}
	}
	said := fmt.Sprintf("it answers %d", status)
	if name := http.StatusText(status); name != "" {
		said += " " + name
	}
	const enough = 8 << 10
	if own := clean(scrub(string(text[:min(len(text), enough)]))); own != "" {
		said += ": " + own
	}
	soon := slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, status)
	return &failure{text: said, final: status/100 == 4 && !soon}
}

// clean makes one short line of somebody else's text.
func clean(text string) string {
	line := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	line = strings.Join(strings.Fields(line), " ")
	if letters := []rune(line); len(letters) > words {
		line = string(letters[:words]) + "…"
	}
	return line
}

// cut shortens a text to what a service takes, counted in characters.
func cut(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// scheme is http where a URL asks for it by ?scheme=http or ?disabletls=yes, else https.
func scheme(u *url.URL) string {
	q := u.Query()
	if off := strings.ToLower(q.Get("disabletls")); q.Get("scheme") == "http" || off == "yes" || off == "true" || off == "1" {
		return "http"
	}
	return "https"
}

// list is a query value with commas, under the first name that there is.
func list(u *url.URL, names ...string) []string {
	var all []string
	for _, name := range names {
		for _, part := range strings.Split(u.Query().Get(name), ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
		if len(all) > 0 {
			break
		}
	}
	return all
}
