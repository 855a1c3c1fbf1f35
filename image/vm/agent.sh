# The agent: runs what the host asks for at a virtio-serial port (image/vm/talk.go). Any POSIX shell, but GNU's head:
# busybox's reads further than it is told.
#   host: run BOOT NUMBER SECONDS COMMAND-BYTES INPUT-BYTES, then both
#   here: hello BOOT UPTIME, and for each: done NUMBER STATUS BYTES, then the output
set -u
boot=$(cat /proc/sys/kernel/random/boot_id)
dir=${AGENT_DIR:-/run/vm-agent}
most=4194304
mkdir -p "$dir"
if [ "${AGENT_PORT:-}" != open ]; then
	port=
	while [ -z "$port" ]; do # by sysfs: udev may come later, or never
		for name in /sys/class/virtio-ports/*/name; do
			[ "$(cat "$name" 2>/dev/null)" = twinpath.agent ] && port=${name%/name}
		done
		[ -c "/dev/${port##*/}" ] || { port= && sleep 0.1; }
	done
	exec 3<>"/dev/${port##*/}"
fi
read -r uptime _ </proc/uptime
echo "hello $boot $uptime" >&3
while read -r word for number seconds command input <&3; do
	[ "$word" = run ] || continue
	head -c "$command" <&3 >"$dir/command"
	head -c "$input" <&3 >"$dir/input"
	[ "$for" = "$boot" ] || continue # asked before the machine started again
	timeout -k 2 "$seconds" sh "$dir/command" <"$dir/input" >"$dir/output" 2>&1 3>&-
	status=$?
	tail -c $most "$dir/output" >"$dir/answer" # a copy: what runs on in the background writes to the other
	size=$(wc -c <"$dir/answer")
	echo "done $number $status $((size))" >&3
	cat "$dir/answer" >&3
done
