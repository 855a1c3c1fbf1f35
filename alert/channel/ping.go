package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Ping asks for a page over a line and wants nothing of it but that it is there (a status of 2xx), within ten seconds. No error holds a
// part of its URL, which may be all that one has to know to ask for it.
func Ping(ctx context.Context, way Way, page string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	u, err := url.Parse(page)
	if err != nil {
		return errors.New("not a URL")
	}
	c := &Channel{secrets: append(secrets(u), u.Hostname()), limit: limit}
	e := c.errand(way)
	defer e.client.CloseIdleConnections()
	if err := e.do(ctx, call{method: http.MethodGet, url: page}, nil); err != nil {
		return fmt.Errorf("%s", c.scrub(reason(ctx, err, c.limit)))
	}
	return nil
}
