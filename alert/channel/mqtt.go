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
	body := told(m)
	// What Home Assistant calls an event entity wants one of the types that home.go announces.
	if body["event_type"] = "message"; m.Resolved {
		body["event_type"] = "resolved"
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	client, hangUp, err := b.connect(ctx, e, mqtt.NewClientOptions().SetClientID("twinpath-"+rand.Text()[:12]))
	if err != nil {
		return err
	}
	defer hangUp()
	return await(ctx, client.Publish(b.prefix+"/message", 1, false, text))
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

// connect opens a connection by the errand's line, and leaves out everything that the library would do by itself: it tries once, and what is
// lost stays lost. hangUp ends everything that was begun.
func (b broker) connect(ctx context.Context, e *errand, options *mqtt.ClientOptions) (client mqtt.Client, hangUp func(), err error) {
	var conn net.Conn
	options.AddBroker("tcp://" + b.address).SetUsername(b.user).SetPassword(b.password)
	options.SetProtocolVersion(4) // else it tries twice
	options.SetAutoReconnect(false).SetConnectRetry(false).SetCleanSession(true)
	options.SetConnectTimeout(limit).SetWriteTimeout(limit).SetKeepAlive(30 * time.Second).SetPingTimeout(limit)
	options.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		var err error
		if conn, err = b.dial(ctx, e); err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() }) // also while the library waits for an answer
		}
		return conn, err
	})
	client = mqtt.NewClient(options)
	opening, stop := context.WithTimeout(ctx, limit)
	defer stop()
	connecting := client.Connect()
	err = await(opening, connecting)
	if err != nil {
		<-connecting.Done() // ctx has ended what it does
		if conn != nil {
			_ = conn.Close()
		}
		return nil, nil, err
	}
	return client, func() {
		client.Disconnect(250) // milliseconds, at most
		_ = conn.Close()
	}, nil
}

func (b broker) dial(ctx context.Context, e *errand) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
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
