package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twinpath/twinpath/lab/chromium"
)

// PagePassword is the owner's in a lab: the house is nobody's, and only this machine gets to its page.
const PagePassword = "in-the-lab"

// PageConfig is what makes DefaultConfig's router show its page. The name is the one by which a browser outside the house calls it.
const PageConfig = `
[web]
names    = ["localhost"]
password = "$2a$10$XxznlxtEwUWoRtPxEe/K9OYoBrCAmIrP230DN8bcn4EpktrbANrNu"
`

// PairPageConfig is PageConfig for one of the Pair's routers, which shows the other one too.
func PairPageConfig(router string) string {
	return PageConfig + PairLinkConfig(router)
}

// PairLinkConfig links one of the Pair's routers with the other one.
func PairLinkConfig(router string) string {
	peer := "192.168.1.3"
	if router != "main" {
		peer = "192.168.1.2"
	}
	return fmt.Sprintf("\n[pair]\npeer   = %q\nsecret = %q\n", peer, "known to both in the lab")
}

// PageAddress is where on the machine's loopback the flags of Command want the home's page, and whether they do.
func PageAddress(args []string) (address string, wanted bool) {
	o, err := readOptions(args, io.Discard)
	if err != nil || o.page == noPort {
		return "", false
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(o.page)), true
}

// ServePage leads each connection of the listener to the page of the house's gateway, as if it came from the first client.
// The listener is the house's from then on.
func (h *House) ServePage(l net.Listener) {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	h.page = fmt.Sprintf("The home's page: http://localhost:%s/ (its password: %s)", port, PagePassword)
	ctx, cancel := context.WithCancel(context.Background())
	h.onClose(func() { cancel(); _ = l.Close() })
	h.tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.tasks.Go(func() { h.lead(ctx, conn) })
		}
	})
}

// lead joins a connection with one of the first client to the page, until one of the two ends or the house does.
func (h *House) lead(ctx context.Context, outside net.Conn) {
	defer outside.Close()
	dialled, cancel := context.WithTimeout(ctx, patience)
	inside, err := h.Devices[0].Dial(dialled, "tcp4", net.JoinHostPort(h.Devices[0].Gateway.String(), "80"))
	cancel()
	if err != nil {
		return // the browser says that nobody answers, which is so
	}
	defer inside.Close()
	end := context.AfterFunc(ctx, func() { _ = inside.Close(); _ = outside.Close() })
	defer end()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{inside, outside}, {outside, inside}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // how it ended is the browser's business
			_ = way[0].Close()
		})
	}
	both.Wait()
}

// Browse starts a browser on the device. The caller closes it before the house.
func (d *Device) Browse(ctx context.Context) (*chromium.Browser, error) {
	return chromium.Start(ctx, "/run", d.space.Start) // the sandbox's own
}

func pageOrder(_ context.Context, p *prompt, _ []string) error {
	if p.house.page != "" {
		fmt.Fprintln(p.out, p.house.page)
	} else {
		fmt.Fprintln(p.out, `Start the lab with "--page 8080" and your own browser can see the home's page.`)
	}
	fmt.Fprintf(p.out, "In the house it is http://%s/\n", p.house.Devices[0].Gateway)
	return nil
}

// screenshot saves what a browser on the first client shows.
func screenshot(ctx context.Context, p *prompt, args []string) error {
	browser, err := p.house.Devices[0].Browse(ctx)
	if err != nil {
		return err
	}
	defer browser.Close()
	page, err := browser.Page(ctx)
	if err != nil {
		return err
	}
	if err := page.See(ctx, chromium.View{Width: 1280, Height: 800}); err != nil {
		return err
	}
	if err := page.Open(ctx, "http://"+p.house.Devices[0].Gateway.String()+"/"); err != nil {
		return err
	}
	picture, err := page.Screenshot(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], picture, 0o600); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "saved %s, %d KB, seen at %s\n", args[0], len(picture)/1000, time.Now().Format(time.TimeOnly))
	return nil
}
