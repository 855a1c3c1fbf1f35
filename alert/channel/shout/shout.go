// Package shout sends one message through shoutrrr, in a process that does nothing else and ends.
//
// Shoutrrr says "sent" where nothing was, leaves goroutines behind, puts secrets into its errors and lets nobody choose its network
// (v0.13.2). So it has one door to the world, which asks the parent process for every connection and sees every answer: what
// it saw counts, not what shoutrrr says. The parent takes the secrets out of the words.
package shout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/googlechat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/lark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/signal"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/wecom"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/zulip"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/bark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ifttt"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/join"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushbullet"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/notifiarr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util"

	"github.com/twinpath/twinpath/alert/channel"
)

// service returns the one that a scheme names; nil when it is none of channel.Shouted. A title it takes beside the message, or not at all.
func service(scheme string) (s types.Service, titled bool) {
	switch scheme {
	case "bark":
		return new(bark.Service), true
	case "googlechat":
		return new(googlechat.Service), false
	case "ifttt":
		return new(ifttt.Service), false
	case "join":
		return new(join.Service), true
	case "lark":
		return new(lark.Service), true
	case "notifiarr":
		return new(notifiarr.Service), false
	case "opsgenie":
		return new(opsgenie.Service), true
	case "pagerduty":
		return new(pagerduty.Service), false
	case "pushbullet":
		return new(pushbullet.Service), true
	case "rocketchat":
		return new(rocketchat.Service), false
	case "signal":
		return new(signal.Service), false
	case "teams":
		return new(teams.Service), true
	case "wecom":
		return new(wecom.Service), false
	case "zulip":
		return new(zulip.Service), false
	}
	return nil, false
}

// Run reads a channel.Request, sends its message, and writes a channel.Answer. It takes the process for itself: the third file is the
// parent's, and every HTTP client of the process goes through the door from then on.
func Run(_ context.Context, in io.Reader, out io.Writer, transport *http.Transport) error {
	var request channel.Request
	if err := json.NewDecoder(in).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	parent, err := reach(os.NewFile(3, "parent"))
	if err != nil {
		return err
	}
	transport.DialContext = parent.dial
	d := &door{transport: transport}
	http.DefaultTransport = d
	return json.NewEncoder(out).Encode(d.answer(send(request)))
}

// send has shoutrrr send. Its zulip panics where the network fails (v0.13.2).
func send(request channel.Request) (err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("it panicked: %v", why)
		}
	}()
	u, err := url.Parse(request.URL)
	if err != nil {
		return err
	}
	if u.Scheme == "pagerduty" && u.Port() == "" { // v0.13.2 would ask port 0
		u.Host = cmp.Or(u.Hostname(), "events.pagerduty.com") + ":443"
	}
	s, titled := service(u.Scheme)
	if s == nil {
		return errors.New("no service of shoutrrr that could be watched")
	}
	if err := s.Initialize(u, util.DiscardLogger); err != nil {
		return fmt.Errorf("the URL is not what it wants: %w", err)
	}
	text, params := request.Message.Whole(), types.Params{}
	if titled && request.Message.Text != "" {
		text, params["title"] = request.Message.Text, request.Message.Title
	}
	return s.Send(text, &params)
}
