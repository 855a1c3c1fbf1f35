package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// order is one word of the prompt.
type order struct {
	name, usage, does string
	args              int // how many words follow
	run               func(ctx context.Context, p *prompt, args []string) error
}

// prompt lets somebody play with a house.
type prompt struct {
	in    io.Reader
	out   io.Writer
	house *House
}

// Interactive reads orders from in and obeys them until "quit", the end of in or of ctx.
func Interactive(ctx context.Context, in io.Reader, out io.Writer, h *House) error {
	p := &prompt{in: in, out: out, house: h}
	fmt.Fprintln(out, "The home is yours. \"help\" lists what you can do, \"quit\" ends it.")
	ask, lines := make(chan struct{}), make(chan string)
	defer close(ask)
	go read(in, ask, lines)
	for {
		fmt.Fprint(out, "lab> ")
		select { // only when asked, so that a shell has the terminal for itself
		case ask <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more || line == "quit" || line == "exit" {
				return nil
			}
			p.obey(ctx, strings.Fields(line))
		}
	}
}

// read sends a line for each time it is asked. A read that nobody waits for any more ends with the program.
func read(in io.Reader, ask <-chan struct{}, lines chan<- string) {
	defer close(lines)
	scanner := bufio.NewScanner(in)
	for range ask {
		if !scanner.Scan() {
			return
		}
		lines <- strings.TrimSpace(scanner.Text())
	}
}

func (p *prompt) obey(ctx context.Context, words []string) {
	if len(words) == 0 {
		return
	}
	for _, o := range orders() {
		if o.name != words[0] {
			continue
		}
		if len(words)-1 != o.args {
			fmt.Fprintf(p.out, "usage: %s %s\n", o.name, o.usage)
			return
		}
		if err := o.run(ctx, p, words[1:]); err != nil {
			fmt.Fprintln(p.out, err)
		}
		return
	}
	fmt.Fprintf(p.out, "no such order: %s (try \"help\")\n", words[0])
}

func orders() []order {
	return slices.Concat(lineOrders(), powerOrders(), boxOrders())
}

// lineOrders are those whose first word is a provider.
func lineOrders() []order {
	on := func(f func(h *House, isp string) error) func(context.Context, *prompt, []string) error {
		return func(_ context.Context, p *prompt, args []string) error { return f(p.house, args[0]) }
	}
	return []order{
		{"cut", "LINE", "pull its cable at the far end", 1,
			on(func(h *House, isp string) error { return h.Cut(h.customerOf(isp), isp) })},
		{"plug", "LINE", "put the cable back", 1,
			on(func(h *House, isp string) error { return h.Plug(h.customerOf(isp), isp) })},
		{"blackhole", "LINE", "the provider is dead beyond its first hop, the cable is fine", 1,
			on(func(h *House, isp string) error { return h.Blackhole(isp, Beyond) })},
		{"freeze", "LINE", "the same, and the first hop is silent too", 1,
			on(func(h *House, isp string) error { return h.Blackhole(isp, Whole) })},
		{"lose", "LINE PERCENT", "drop packets to the house at random", 2, lose},
		{"portal", "LINE", "put a login page in front of the Internet", 1, on((*House).Portal)},
		{"killdns", "LINE", "drop every DNS query", 1, on((*House).KillDNS)},
		{"heal", "LINE", "end the troubles above, but not a cut", 1, on((*House).Heal)},
		{"stopdhcp", "LINE", "end the provider's DHCP server", 1, on((*House).StopDHCP)},
		{"startdhcp", "LINE", "start it again", 1,
			func(ctx context.Context, p *prompt, args []string) error { return p.house.StartDHCP(ctx, args[0]) }},
		{"renumber", "LINE NETWORK", "give its customers another network (198.18.0.0/24)", 2,
			func(ctx context.Context, p *prompt, args []string) error {
				return p.house.Renumber(ctx, args[0], args[1])
			}},
	}
}

func lose(_ context.Context, p *prompt, args []string) error {
	percent, err := strconv.Atoi(strings.TrimSuffix(args[1], "%"))
	if err != nil {
		return err
	}
	return p.house.Lose(args[0], percent)
}

// boxOrders are those whose first word is a router or client, or that have none.
func boxOrders() []order {
	on := func(f func(ctx context.Context, b *Box) error) func(context.Context, *prompt, []string) error {
		return func(ctx context.Context, p *prompt, args []string) error {
			b, err := p.house.Box(args[0])
			if err != nil {
				return err
			}
			return f(ctx, b)
		}
	}
	plain := func(f func(*Box) error) func(context.Context, *prompt, []string) error {
		return on(func(_ context.Context, b *Box) error { return f(b) })
	}
	return []order{
		{"kill", "ROUTER", "kill -9 its daemon", 1, plain((*Box).Kill)},
		{"stop", "ROUTER", "stop its daemon", 1, plain((*Box).Stop)},
		{"start", "ROUTER", "start its daemon again", 1, on(func(ctx context.Context, b *Box) error { return b.Restart(ctx) })},
		{"pause", "ROUTER", "freeze its daemon", 1, plain((*Box).Pause)},
		{"resume", "ROUTER", "let it go on", 1, plain((*Box).Resume)},
		{"status", "", "what the routers say, and what the Internet sees", 0, status},
		{"log", "ROUTER", "the end of its daemon's log", 1, func(_ context.Context, p *prompt, args []string) error {
			b, err := p.house.Box(args[0])
			if err == nil {
				fmt.Fprintln(p.out, tail(b.Log()))
			}
			return err
		}},
		{"page", "", "where the home's page is", 0, pageOrder},
		{"screenshot", "FILE", "the page as the laptop's browser shows it, as PNG", 1, screenshot},
		{"shell", "HOST", "a shell on a router, a client, inet, or isp-LINE", 1, shell},
		{"help", "", "this list", 0, help},
		{"quit", "", "end the home", 0, nil},
	}
}

func help(_ context.Context, p *prompt, _ []string) error {
	for _, o := range orders() {
		fmt.Fprintf(p.out, "  %-10s %-13s %s\n", o.name, o.usage, o.does)
	}
	return nil
}

func status(ctx context.Context, p *prompt, _ []string) error {
	for _, b := range p.house.Boxes {
		s, err := b.Status(ctx)
		if err != nil {
			fmt.Fprintf(p.out, "%s: %v\n", b.Name, err)
			continue
		}
		fmt.Fprintf(p.out, "%s: %s\n", b.Name, s.Sentence)
		for _, e := range s.VRRP {
			fmt.Fprintf(p.out, "  %-8s %-9s priority %-3d %s, Active is %s\n", e.Name, e.State, e.Priority, strings.Join(e.Addresses, " "), e.ActiveRouter)
		}
		for _, w := range s.WANs {
			fmt.Fprintf(p.out, "  %-8s %-9s lost %-3d %-16s %s\n", w.Name, w.State, w.Lost, w.Address, w.Reason)
		}
	}
	for _, d := range p.house.Devices {
		from, err := d.Seen(ctx)
		if err != nil {
			fmt.Fprintf(p.out, "%s: offline (%v)\n", d.Name, err)
			continue
		}
		fmt.Fprintf(p.out, "%s: the Internet sees %s, by %s\n", d.Name, from, p.house.LineOf(from))
	}
	return nil
}

// shell gives the terminal to a shell on one of the house's hosts until it ends.
func shell(ctx context.Context, p *prompt, args []string) error {
	for _, n := range p.house.spaces {
		if n.Name != args[0] {
			continue
		}
		program := os.Getenv("SHELL")
		if program == "" {
			program = "/bin/sh"
		}
		cmd := exec.CommandContext(ctx, program)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.in, p.out, p.out
		cmd.Env = append(os.Environ(), "PS1="+n.Name+"$ ") // bash may have other ideas
		fmt.Fprintf(p.out, "a shell on %s: \"exit\" brings you back\n", n.Name)
		takeTerminal(p.in)
		defer takeTerminal(p.in) // a shell that was killed gave nothing back
		if err := n.Start(cmd); err != nil {
			return err
		}
		_ = cmd.Wait() // how the last command in it ended is nobody's business here
		return nil
	}
	return fmt.Errorf("no host is named %q", args[0])
}
