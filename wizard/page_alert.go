package wizard

import (
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
)

func (d *Draft) alertFields() []field {
	a := &d.Alert
	all := []field{{
		Question: Question{ID: "alert.kind", Ask: "How do you want to be told when something breaks?", Kind: Choice, Value: a.Kind, Options: []Option{
			{Value: "none", Label: "not at all", Note: "the page shows it"},
			{Value: "ntfy", Label: "ntfy", Note: "an app on the phone, without an account"},
			{Value: "telegram", Label: "Telegram"},
			{Value: "email", Label: "e-mail"},
			{Value: "webhook", Label: "a web address that is called", Note: "webhook: Home Assistant, for example"},
			{Value: "other", Label: "something else", Note: "a URL, as docs/configuration.md lists them"},
		}},
		take: func(text string) error { a.Kind = text; return nil },
	}}
	switch a.Kind {
	case "ntfy":
		all = append(all, alertText("topic", "Topic", "Subscribe to it in the app. Whoever knows it can read along: it is as good as a password.", &a.Topic, isTopic))
		all = append(all, alertText("server", "Server", "", &a.Server, isServer))
	case "telegram":
		all = append(all, alertSecret("token", "The bot's token", "Send /newbot to @BotFather: it answers with one.", &a.Token, isToken))
		all = append(all, alertText("chat", "Chat", "The number of the chat, or @name of a channel.", &a.Chat, isChat))
	case "email":
		all = append(all, alertText("server", "Mail server, with its port", "For example mail.example.org:587.", &a.Mail, isServer))
		all = append(all, alertText("user", "User name there", "", &a.User, anything))
		all = append(all, alertSecret("password", "Password there", "", &a.Password, anything))
		all = append(all, alertText("from", "From", "", &a.From, isMail))
		all = append(all, alertText("to", "To", "", &a.To, isMail))
	case "webhook", "other":
		all = append(all, alertText("url", "Address", "", &a.URL, a.isURL))
	}
	return all
}

// alertText is a text that has to pass a check.
func alertText(id, ask, help string, into *string, check func(string) error) field {
	return alertField(Question{ID: "alert." + id, Ask: ask, Help: help, Kind: Text, Value: *into}, into, check)
}

func alertSecret(id, ask, help string, into *string, check func(string) error) field {
	return alertField(Question{ID: "alert." + id, Ask: ask, Help: help, Kind: Secret, Optional: *into != ""}, into, check)
}

func alertField(q Question, into *string, check func(string) error) field {
	return field{Question: q, take: func(text string) error {
		if err := check(text); err != nil {
			return err
		}
		return plain(into, 512)(text)
	}}
}

// fill proposes what every kind needs and nobody wants to invent.
func (a *Alert) fill(f Facts) {
	if a.Topic == "" {
		a.Topic = "twinpath-" + f.random()
	}
	if a.Server == "" {
		a.Server = "ntfy.sh"
	}
}

func anything(string) error { return nil }

func isTopic(text string) error {
	if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return !letter(r) && r != '-' && r != '_' }) {
		return refuse(`up to 64 letters, digits, "-" and "_"`, "%q is not a topic", text)
	}
	return nil
}

func isServer(text string) error {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil && port != "" && strings.Trim(port, "0123456789") == "" && len(port) < 6 {
		host = h
	}
	var ignored string
	if host == "" || domain(&ignored)(host) != nil {
		return refuse(`for example "ntfy.sh" or "mail.example.org:587"`, "%q is not a server", text)
	}
	return nil
}

func isChat(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return !letter(r) && !strings.ContainsRune("@_-", r) }) {
		return refuse(`for example "123456789" or "@family"`, "%q is not a chat", text)
	}
	return nil
}

func isMail(text string) error {
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
		return refuse(`for example "me@example.org"`, "%q is not an e-mail address", text)
	}
	return nil
}

func isToken(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return !letter(r) && !strings.ContainsRune(":_-", r) }) {
		return refuse("it looks like 123456789:AAH…", "this is not a bot's token")
	}
	return nil
}

// services are those that package alert knows, as a URL's scheme names them.
var services = [...]string{
	"bark", "discord", "googlechat", "gotify", "http", "https", "ifttt", "join", "lark", "matrix", "mattermost", "mqtt", "mqtts", "notifiarr", "ntfy", "opsgenie",
	"pagerduty", "pushbullet", "pushover", "rocketchat", "signal", "slack", "smtp", "smtps", "teams", "telegram", "wecom", "zulip",
}

func (a *Alert) isURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return refuse(`for example "https://192.168.77.10:8123/api/webhook/router"`, "this is not a URL")
	case a.Kind == "webhook" && u.Scheme != "https" && u.Scheme != "http":
		return refuse("choose \"something else\" for "+u.Scheme+"://", "a web address begins with https://")
	case !slices.Contains(services[:], u.Scheme):
		return refuse("known are "+strings.Join(services[:], ", "), "%s:// is no known service", u.Scheme)
	case u.Scheme == "http" && !addr(u.Hostname()).IsPrivate(): // the address is as good as a password
		return refuse("use https://; http:// only to an address in the house", "it would cross the Internet without encryption")
	}
	return nil
}

// Address is the channel's URL as [[alert.to]] has it; empty: none.
func (a Alert) Address() string {
	switch a.Kind {
	case "ntfy":
		return (&url.URL{Scheme: "ntfy", Host: a.Server, Path: "/" + a.Topic}).String()
	case "telegram":
		return "telegram://" + a.Token + "@telegram?" + url.Values{"chats": {a.Chat}}.Encode()
	case "email":
		values := url.Values{"from": {a.From}, "to": {a.To}}
		return (&url.URL{Scheme: "smtp", User: url.UserPassword(a.User, a.Password), Host: a.Mail, Path: "/", RawQuery: values.Encode()}).String()
	case "webhook", "other":
		return a.URL
	}
	return ""
}

// alertOf takes a URL apart. One with more in it than the wizard asks for stays as it is.
func alertOf(text string) Alert {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return Alert{Kind: "other", URL: text}
	}
	var a Alert
	switch u.Scheme {
	case "ntfy":
		a = Alert{Kind: "ntfy", Server: u.Host, Topic: strings.TrimPrefix(u.Path, "/")}
	case "telegram":
		a = Alert{Kind: "telegram", Token: u.User.String(), Chat: u.Query().Get("chats")}
	case "smtp":
		password, _ := u.User.Password()
		a = Alert{Kind: "email", Mail: u.Host, User: u.User.Username(), Password: password, From: u.Query().Get("from"), To: u.Query().Get("to")}
	case "https", "http":
		a = Alert{Kind: "webhook", URL: text}
	}
	if a.Address() != text {
		return Alert{Kind: "other", URL: text}
	}
	return a
}
