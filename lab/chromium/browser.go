// Package chromium drives a headless Chromium as a person would use it, and notes what a person would not notice: requests to
// other hosts, errors in its console, violations of the page's own policy. It speaks to it through a pipe and opens no port.
package chromium

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long the browser may take for one thing: seconds on a machine whose processors are all busy.
const patience = 20 * time.Second

// Browser is a Chromium that runs.
type Browser struct {
	dir  string // its profile, which goes with it
	cmd  *exec.Cmd
	pipe *pipe
	done chan struct{} // closed when its first process has ended
}

// Find names the browser of this machine.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no browser found\nhint: install the package chromium")
}

// switches make it one that shows nothing, asks nobody anything and remembers nothing. It has no sandbox, for it runs as root
// in a namespace of the lab and sees nothing but our own pages; it has no other shared memory than files.
func switches(profile string) []string {
	return []string{
		"--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
		"--user-data-dir=" + profile, "--no-first-run", "--no-default-browser-check", "--no-proxy-server", "--no-pings",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
		"--disable-extensions", "--disable-quic", "--disable-breakpad", "--disable-domain-reliability", "--disable-client-side-phishing-detection",
		"--disable-features=AutofillServerCommunication,CertificateTransparencyComponentUpdater,DialMediaRouteProvider,HttpsUpgrades,MediaRouter,OptimizationHints,Translate",
		"--metrics-recording-only", "--password-store=basic", "--use-mock-keychain", "--hide-scrollbars", "--force-color-profile=srgb",
		"--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
		"--lang=en-GB", "about:blank",
	}
}

// Start starts the browser by way of run, which decides where: in a namespace, for example. Its profile is a new one in dir.
func Start(ctx context.Context, dir string, run func(*exec.Cmd) error) (*Browser, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp(dir, "chromium-")
	if err != nil {
		return nil, err
	}
	b := &Browser{dir: profile, done: make(chan struct{})}
	if err := b.launch(path, run); err != nil {
		_ = os.RemoveAll(profile)
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if err := b.pipe.call(ctx, "", "Browser.getVersion", struct{}{}, nil); err != nil {
		said, _ := os.ReadFile(b.log())
		b.Close()
		return nil, fmt.Errorf("start %s: %w: %s", path, err, said)
	}
	return b, nil
}

func (b *Browser) log() string { return filepath.Join(b.dir, "log") }

func (b *Browser) launch(path string, run func(*exec.Cmd) error) error {
	said, err := os.Create(b.log())
	if err != nil {
		return err
	}
	defer said.Close()
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return err
	}
	defer theirOut.Close()
	b.cmd = exec.Command(path, switches(b.dir)...)
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as --remote-debugging-pipe wants them
	b.cmd.Stdout, b.cmd.Stderr = said, said
	b.cmd.Env = append(os.Environ(), "HOME="+b.dir, "DBUS_SESSION_BUS_ADDRESS=disabled:", "DBUS_SYSTEM_BUS_ADDRESS=disabled:")
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.pipe = newPipe(in, out)
	if err := run(b.cmd); err != nil {
		b.pipe.close()
		return err
	}
	go b.pipe.read()
	go func() {
		defer close(b.done)
		_ = b.cmd.Wait() // it ends when Close wants it
	}()
	return nil
}

// Close ends the browser with all of its processes and removes its profile.
func (b *Browser) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if b.pipe.call(ctx, "", "Browser.close", struct{}{}, nil) == nil {
		select {
		case <-b.done:
		case <-time.After(patience / 4):
		}
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // the rest of its process group; often there is none
	<-b.done
	b.pipe.close()
	<-b.pipe.done
	_ = os.RemoveAll(b.dir)
}

// Page opens an empty page with cookies of its own: two pages are two visitors.
func (b *Browser) Page(ctx context.Context) (*Page, error) {
	var visitor struct {
		ID string `json:"browserContextId"`
	}
	if err := b.pipe.call(ctx, "", "Target.createBrowserContext", struct{}{}, &visitor); err != nil {
		return nil, err
	}
	return b.page(ctx, visitor.ID)
}

func (b *Browser) page(ctx context.Context, visitor string) (*Page, error) {
	var target struct {
		ID string `json:"targetId"`
	}
	err := b.pipe.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": visitor}, &target)
	if err != nil {
		return nil, err
	}
	var session struct {
		ID string `json:"sessionId"`
	}
	err = b.pipe.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &session)
	if err != nil {
		return nil, err
	}
	p := &Page{browser: b, visitor: visitor, target: target.ID, session: session.ID, own: map[string]bool{}, loaded: map[string]bool{},
		changed: make(chan struct{})}
	b.pipe.listen(session.ID, func(method string, params json.RawMessage) { p.hear(method, params) })
	for _, domain := range []string{"Page", "Runtime", "Network", "Log", "Audits"} {
		if err := p.call(ctx, domain+".enable", struct{}{}, nil); err != nil {
			return nil, err
		}
	}
	return p, p.call(ctx, "Page.setLifecycleEventsEnabled", map[string]any{"enabled": true}, nil)
}
