package sandbox

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Tests(m.Run)) }

func TestNamespacesAreApart(t *testing.T) {
	a, err := Add("a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Add("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run("ip link add one type veth peer name two netns b"); err != nil {
		t.Fatal(err)
	}
	for ns, want := range map[*Namespace]string{a: "one", b: "two"} {
		out, err := ns.Run("ip -o link show type veth")
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: got %q, want an interface %q", ns.Name, err, out, want)
		}
	}
	links, err := net.Interfaces()
	if err != nil || len(links) != 1 {
		t.Errorf("outside the two there is %v (%v), want only lo", links, err)
	}
}

func TestCheckRefusesTheHost(t *testing.T) {
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, here)
	if err := Check(); err == nil {
		t.Error("Check accepts the namespace it was told to protect")
	}
	if _, err := Add("c"); err == nil {
		t.Error("Add works outside the sandbox")
	}
	if got := fmt.Sprint(Check()); !strings.Contains(got, "only runs inside the sandbox") {
		t.Errorf("the refusal does not say what to do: %q", got)
	}
}
