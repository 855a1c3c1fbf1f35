package lab

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// balancer is HAProxy on a box, under a name of its own: the processes of all boxes are visible to each other here.
type balancer struct {
	box  *Box
	name string
	p    *process
}

const haproxyConfig = `
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
frontend front
  bind :80
  http-request return status 200 content-type text/plain string NAME
frontend ready
  bind 127.0.0.1:8404
  monitor-uri /ready
`

// start starts it as Debian's unit does, a master and a worker, and returns when it is ready.
func (b *balancer) start(tb testing.TB) {
	tb.Helper()
	path := b.box.dir + "/" + b.name
	if _, err := os.Lstat(path); err != nil {
		must(tb, os.Symlink("/usr/sbin/haproxy", path))
		must(tb, os.WriteFile(path+".cfg", bytes.ReplaceAll([]byte(haproxyConfig), []byte("NAME"), []byte(b.box.Name)), 0o600))
	}
	var err error
	b.p, err = start(b.box.space, path+".log", path, "-W", "-db", "-f", path+".cfg")
	must(tb, err)
	_, err = b.box.Run("curl -sf -o " + path + ".ready -m 1 --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8404/ready")
	must(tb, err)
}

// kill ends master and workers at once.
func (b *balancer) kill(tb testing.TB) {
	tb.Helper()
	all, err := b.box.processes()
	must(tb, err)
	for _, pid := range all {
		if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(comm) == b.name+"\n" {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	<-b.p.done
}

// balanced is a pair of load balancers as the recipe has them.
func balanced(t *testing.T, address string) (s *show, proxies [2]*balancer) {
	t.Helper()
	p := build(t, serverHome("lb1", "lb2", "10.0.0"))
	p.broadcast(t, "10.0.0.255:9")
	s = p.show(t, address)
	one, other := recipe(t, "A pair of load balancers")
	for i, text := range []string{one, other} {
		box := p.Boxes[i]
		must(t, box.Raise())
		proxies[i] = &balancer{box: box, name: "haproxy-" + box.Name}
		proxies[i].start(t)
		// The script is that of the document, but for systemctl, which is another script here.
		systemctl := script(t, box, "systemctl", fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %s/uploader\n", box.dir))
		changed := substitute(t, block(t, "## Scripts", "sh"), "systemctl", systemctl) +
			fmt.Sprintf("echo \"$# $1 $2 $3 $4, $TWINPATH_ID $TWINPATH_INTERFACE $TWINPATH_ADDRESSES $TWINPATH_FAMILIES $TWINPATH_PRIORITY\" >> %s/changes\n", box.dir)
		enough := script(t, box, "enough-backends", fmt.Sprintf("#!/bin/sh\n[ \"$1\" = 3 ] && [ ! -e %s/few ] || { echo \"only 2 of 3 backends\"; exit 1; }\n", box.dir))
		begin(t, box, substitute(t, text, "eth0", "lan0", `"haproxy"`, `"`+proxies[i].name+`"`,
			"/usr/local/sbin/vrrp-changed", script(t, box, "vrrp-changed", changed), "/usr/local/sbin/enough-backends", enough))
		if i == 0 {
			s.on("lb1", address)
		}
	}
	settles(t, p.backup, "backup")
	return s, proxies
}

func TestRecipeLoadBalancers(t *testing.T) {
	t.Parallel()
	const front = "10.0.0.100"
	s, proxies := balanced(t, front)
	lb1, lb2 := s.main, s.backup
	served := func(by string) {
		t.Helper()
		s.await(t, by+" serves", func() bool {
			out, err := s.laptop.Run("curl -s -m 1 http://" + front + "/")
			return err == nil && out == by
		})
	}
	served("lb1")

	// Killing HAProxy moves the address within a second of notice and the other's skew time.
	mark := time.Now()
	proxies[0].kill(t)
	s.on("lb2", front)
	if took := s.took("HAProxy killed", mark, "lb2", front); took > 2*time.Second {
		t.Errorf("the address moved after %s, want 1.7 s at most", took)
	}
	s.seamless(mark, front)
	served("lb2")
	settles(t, lb1, "fault")

	// Back, it stays where it is.
	proxies[0].start(t)
	settles(t, lb1, "backup")
	mark = time.Now()
	must(t, pause(t.Context(), hours))
	s.still(mark, front)

	// Few backends there: rather the other one.
	must(t, os.WriteFile(lb2.dir+"/few", nil, 0o600))
	mark = time.Now()
	s.on("lb1", front)
	s.took("few backends", mark, "lb1", front)
	s.seamless(mark, front)
	served("lb1")
	// Few on both: better few than none, and lb1 is the better one again.
	must(t, os.WriteFile(lb1.dir+"/few", nil, 0o600))
	await(t, lb1, "its priority is 91", func(st Status) bool { return len(st.VRRP) == 1 && st.VRRP[0].Priority == 91 })
	mark = time.Now()
	must(t, pause(t.Context(), hours))
	s.still(mark, front)

	wrote(t, lb1, "uploader", "stop uploader", "start uploader", "stop uploader", "start uploader")
	wrote(t, lb2, "uploader", "stop uploader", "start uploader", "stop uploader")
	const facts = "33 lan0 10.0.0.100/24 ipv4"
	wrote(t, lb2, "changes", "4 INSTANCE front BACKUP 100, "+facts+" 100", "4 INSTANCE front MASTER 100, "+facts+" 100", "4 INSTANCE front BACKUP 90, "+facts+" 90")
	told(t, lb2, "front: backup -> active: ")
}
