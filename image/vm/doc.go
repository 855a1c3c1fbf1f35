// Package vm boots virtual machines under QEMU, runs commands inside them and gets results out.
//
// A Machine is the description of a computer: processor, firmware, disks, network sockets. Start powers it on; the
// Guest that comes of it runs commands through an agent, a small shell script at a virtio-serial port that needs
// neither network nor login. Kill is a power cut, Reset the button.
//
// The agent gets in by two ways. Bench makes a machine without systemd: our kernel, our initrd with another /init, our
// slot as its root, a tar file with what is to be tested; it is up in seconds. Inject gives the agent to an image
// that is otherwise as shipped, as a systemd unit in credentials.
//
// QEMU emulates every instruction (-accel tcg) and never looks for KVM: on virtual hosts /dev/kvm may be there and
// take minutes for what emulation does in seconds, and a test must not depend on which machine it runs on.
package vm
