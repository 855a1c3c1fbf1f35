package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The account at a house's broker.
const (
	BrokerUser     = "twinpath"
	BrokerPassword = "mosquitoes-bite"
)

// Broker is an MQTT broker (mosquitto) at port 1883 of a device of the house, and somebody there who reads everything.
type Broker struct{ reader *process }

// OpenBroker starts them.
func (h *House) OpenBroker(ctx context.Context, d *Device) (*Broker, error) {
	at := filepath.Join(h.dir, "broker")
	if err := os.WriteFile(at+".conf", []byte(fmt.Sprintf("listener 1883\npassword_file %s.users\nuser root\nlog_dest stderr\n", at)), 0o600); err != nil {
		return nil, err
	}
	if out, err := d.Run(fmt.Sprintf("mosquitto_passwd -b -c %s.users %s %s", at, BrokerUser, BrokerPassword)); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	server, err := start(d.space, at+".log", "mosquitto", "-c", at+".conf")
	if err != nil {
		return nil, err
	}
	h.onClose(server.kill)
	if err := server.awaitLog(ctx, "running"); err != nil {
		return nil, err
	}
	reader, err := start(d.space, at+".read", "mosquitto_sub", "-h", "127.0.0.1", "-u", BrokerUser, "-P", BrokerPassword, "-t", "#", "-v")
	if err != nil {
		return nil, err
	}
	h.onClose(reader.kill)
	// It says nothing of itself, so it is given something to read.
	if out, err := d.Run(fmt.Sprintf("mosquitto_pub -h 127.0.0.1 -u %s -P %s -r -t lab -m ready", BrokerUser, BrokerPassword)); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return &Broker{reader}, reader.awaitLog(ctx, "ready")
}

// Read is what was published to topics that contain a word, oldest first: each as a topic, a space and the text.
func (b *Broker) Read(word string) []string {
	var all []string
	for line := range strings.Lines(b.reader.output()) {
		topic, _, _ := strings.Cut(line, " ")
		if strings.Contains(topic, word) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// Await waits until there are so many.
func (b *Broker) Await(ctx context.Context, word string, count int) ([]string, error) {
	for {
		all := b.Read(word)
		if len(all) >= count {
			return all, nil
		}
		select {
		case <-time.After(10 * look):
		case <-ctx.Done():
			return all, fmt.Errorf("%d of %d at %s: %w", len(all), count, word, ctx.Err())
		}
	}
}
