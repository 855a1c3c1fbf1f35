package migration

import (
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// command returns the command line as Twinpath runs it, or why it cannot.
func (t *translation) command(text string) (line, why string) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", "names no program"
	case len(text) >= maxCommand:
		return "", "is too long: write it into a script"
	case strings.ContainsFunc(text, unicode.IsControl), !utf8.ValidString(text):
		return "", "contains control characters"
	}
	bare, balanced := unquoted(text)
	program, arguments, _ := strings.Cut(text, " ")
	if !balanced || strings.ContainsAny(bare, "|&;<>`$()*?") || strings.ContainsAny(program, `"'`) {
		return "", "needs a shell: write it into a script"
	}
	var first error
	for _, candidate := range candidates(program) {
		err := t.from.Usable(candidate)
		if err == nil {
			return strings.TrimSpace(candidate + " " + arguments), ""
		}
		if first == nil {
			first = err
		}
	}
	return "", first.Error()
}

// candidates are the paths that a program's name may stand for.
func candidates(program string) []string {
	if strings.HasPrefix(program, "/") {
		return []string{program}
	}
	return []string{"/usr/sbin/" + program, "/usr/bin/" + program, "/usr/local/sbin/" + program, "/usr/local/bin/" + program}
}

// unquoted returns text without what stands in quotes, and whether each quote is closed.
func unquoted(text string) (string, bool) {
	var out strings.Builder
	quote := rune(0)
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0:
			out.WriteRune(r)
		}
	}
	return out.String(), quote == 0
}

var (
	device = regexp.MustCompile(`^(?:(?:/usr)?/bin/(?:ba)?sh -c )?['"]?(?:(?:true|:|echo|cat|exec \d) *)?<>? ?/dev/tcp/([0-9A-Za-z.:-]+)/(\d+)['"]?$`)
	alive  = regexp.MustCompile("^(?:/usr)?(?:/bin/)?kill -0 (?:\\$\\(|`)(?:(?:/usr)?/s?bin/)?pidof ([0-9A-Za-z._-]+)(?:\\)|`)$")
)

// recognise finds what Twinpath checks by itself in well-known commands. An empty kind: it is none of them.
func recognise(command string) (kind, target string) {
	command = strings.Join(strings.Fields(command), " ")
	if found := device.FindStringSubmatch(command); found != nil {
		return endpoint(found[1], found[2])
	}
	if found := alive.FindStringSubmatch(command); found != nil {
		return process(found[1])
	}
	words := strings.Split(command, " ")
	last := words[len(words)-1]
	if len(words) < 2 || strings.HasPrefix(last, "-") {
		return "", ""
	}
	switch path.Base(words[0]) {
	case "killall":
		if rest, ok := options(words[1:len(words)-1], "-0", "-q", "-e"); ok && len(rest) == 0 && strings.Contains(command, " -0 ") {
			return process(last)
		}
	case "pidof":
		if rest, ok := options(words[1:len(words)-1], "-s", "-q", "-x"); ok && len(rest) == 0 {
			return process(last)
		}
	case "pgrep":
		if rest, ok := options(words[1:len(words)-1], "-x"); ok && len(rest) == 0 {
			return process(last)
		}
	case "nc", "netcat", "ncat":
		if rest, ok := options(words[1:len(words)-1], "-z", "-v", "-zv", "-vz", "-n", "-w*"); ok && len(rest) == 1 {
			return endpoint(rest[0], last)
		}
	case "ping", "ping6":
		if rest, ok := options(words[1:len(words)-1], "-n", "-q", "-4", "-6", "-c*", "-W*", "-w*", "-i*"); ok && len(rest) == 0 && isTarget(last) {
			return "ping", last
		}
	}
	return "", ""
}

// options takes known options out of words; one with a star takes the next word, when its own number is missing.
func options(words []string, known ...string) (rest []string, ok bool) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") {
			rest = append(rest, w)
			continue
		}
		found := false
		for _, option := range known {
			letter, number := strings.CutSuffix(option, "*")
			found = found || w == letter || number && strings.HasPrefix(w, letter)
			if number && w == letter {
				i++
			}
		}
		if !found {
			return nil, false
		}
	}
	return rest, true
}

// process names a process as the kernel does: without its directory, 15 bytes at most (TASK_COMM_LEN).
func process(name string) (kind, target string) {
	if name = path.Base(name); name != word(name) || name == "" || len(name) > 15 {
		return "", ""
	}
	return "process", name
}

func endpoint(host, port string) (kind, target string) {
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || !isTarget(host) {
		return "", ""
	}
	return "tcp", net.JoinHostPort(host, strconv.Itoa(n))
}
