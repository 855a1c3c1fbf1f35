package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
)

// message is a letter in words, by the clock as it is now.
func (l Letter) message(now time.Time) channel.Message {
	m := channel.Message{
		Title: l.title(), Text: l.text(now), Priority: l.priority(), ID: l.thread(),
		Resolved: l.Stage == Ended || l.Stage == Stable, Fields: map[string]string{"stage": string(l.Stage), "router": l.Router, "id": l.ID},
	}
	if u := l.Unrest; u != nil {
		m.Fields["cause"], m.Fields["name"], m.Fields["failures"] = "unstable", u.Name, fmt.Sprint(u.Total)
		m.Fields["start"] = u.Since.UTC().Format(time.RFC3339)
	}
	if i := l.lead(); i != nil {
		m.Fields["cause"], m.Fields["wan"], m.Fields["vrrp"] = string(i.Cause), i.WAN, i.VRRP
		m.Fields["start"], m.Fields["blame"] = i.Start.UTC().Format(time.RFC3339), string(i.Blame)
		m.Fields["duration_s"] = fmt.Sprintf("%.1f", time.Duration(i.Lasted).Seconds())
		if !i.End.IsZero() {
			m.Fields["end"] = i.End.UTC().Format(time.RFC3339)
		}
	}
	for key, value := range m.Fields {
		if value == "" {
			delete(m.Fields, key)
		}
	}
	return m
}

// thread is what its begin and its end have in common.
func (l Letter) thread() string {
	if i := l.lead(); i != nil {
		return i.ID
	}
	id, _, _ := strings.Cut(l.ID, "/"+string(l.Stage)+"/")
	return id
}

// message is what a channel gets: a letter, or several that had to wait as one, with why they come late.
func (p Parcel) message(now time.Time) channel.Message {
	var m channel.Message
	if len(p.Letters) == 1 {
		m = p.Letters[0].message(now)
		if p.Late != "" {
			m.Text += "\nTold late: " + p.Late + "."
		}
	} else {
		m = p.catchUp(now)
	}
	if p.Dropped > 0 {
		m.Text += fmt.Sprintf("\n%d older messages are lost: too many had to wait, or for too long.", p.Dropped)
	}
	return m
}

func (p Parcel) catchUp(now time.Time) channel.Message {
	newest := p.Letters[len(p.Letters)-1]
	m := newest.message(now)
	m.Title = fmt.Sprintf("%s: %d messages, the newest: %s", newest.Router, len(p.Letters), newest.headline())
	var text []string
	for _, l := range p.Letters {
		text = append(text, clock(l.Time, now)+" "+l.title()+"\n"+l.text(now))
		if !m.Resolved {
			m.Priority = max(m.Priority, l.priority())
		}
	}
	const limit = 3500 // letters: Telegram takes 4,096 (its Bot API's sendMessage), and the rest of this message needs some
	m.Text = short(strings.Join(text, "\n\n"), limit)
	if p.Late != "" {
		m.Text += "\n\nTold late: " + p.Late + "."
	}
	return m
}

// short cuts the oldest part of a text off.
func short(text string, limit int) string {
	letters := []rune(text)
	if len(letters) <= limit {
		return text
	}
	return "…" + string(letters[len(letters)-limit:])
}
