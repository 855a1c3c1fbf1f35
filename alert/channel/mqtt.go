package channel

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// broker is an MQTT broker and the topics that are ours there (MQTT 3.1.1).
type broker struct {
	address        string // host and port
	host           string
	encrypted      bool
	user, password string
	prefix         string // no slash at its end
}

func readMQTT(u *url.URL) (service, error) {
	b := broker{host: u.Hostname(), encrypted: u.Scheme == "mqtts", user: u.User.Username(), prefix: strings.Trim(u.Path, "/")}
	b.password, _ = u.User.Password()
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "1883", true: "8883"}[b.encrypted]
	}
	b.address = net.JoinHostPort(b.host, port)
	if b.prefix == "" {
		b.prefix = "twinpath"
	}
	if strings.ContainsAny(b.prefix, "+#\x00") {
		return nil, errors.New("the topic must not have + or #\nhint: mqtt://USER:PASSWORD@HOST:1883/twinpath")
	}
	if b.password != "" && !b.encrypted && !atHome(b.host) {
		return nil, errors.New("would send the password in the clear to a broker that is not in the house\nhint: mqtts://USER:PASSWORD@HOST:8883/twinpath")
	}
	return b, nil
}

// send publishes a message for whoever listens, in a connection of its own.
func (b broker) send(ctx context.Context, e *errand, m Message) error {
	body, err := json.Marshal(told(m))
	if err != nil {
		return err
	}
	options := b.options(ctx, e).SetClientID("twinpath-" + rand.Text()[:12])
	client := mqtt.NewClient(options)
	defer client.Disconnect(250) // milliseconds, at most
	if err := await(ctx, client.Connect()); err != nil {
		return err
	}
	return await(ctx, client.Publish(b.prefix+"/message", 1, false, body))
}

// told is a message for programs.
func told(m Message) map[string]any {
	body := map[string]any{"title": m.Title, "text": m.Text, "priority": m.Priority.String(), "resolved": m.Resolved}
	if m.ID != "" {
		body["id"] = m.ID
	}
	if len(m.Fields) > 0 {
		body["fields"] = m.Fields
	}
	return body
}

// options leave out everything that the library would do by itself: it connects once, by the errand's line.
func (b broker) options(ctx context.Context, e *errand) *mqtt.ClientOptions {
	options := mqtt.NewClientOptions().AddBroker("tcp://" + b.address)
	options.SetUsername(b.user).SetPassword(b.password)
	options.SetProtocolVersion(4) // else it tries twice
	options.SetAutoReconnect(false).SetConnectRetry(false).SetCleanSession(true)
	options.SetConnectTimeout(limit).SetWriteTimeout(limit).SetKeepAlive(30 * time.Second).SetPingTimeout(limit)
	options.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		conn, err := e.dial(ctx, "tcp", b.address)
		if err != nil || !b.encrypted {
			return conn, err
		}
		encrypted := tls.Client(conn, e.encryption(b.host))
		if err := encrypted.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return encrypted, nil
	})
	return options
}

// await waits for a word of the broker.
func await(ctx context.Context, token mqtt.Token) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-token.Done():
		return token.Error()
	}
}
