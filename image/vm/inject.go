package vm

import (
	"encoding/base64"
	"fmt"
)

// unit starts the agent as early as the file systems are there; it does without udev, network and login.
const unit = `[Unit]
DefaultDependencies=no
After=local-fs.target
[Service]
ExecStart=/bin/sh %s
Restart=always
KillMode=process
%s`

// wants has the unit started with the system.
const wants = "[Unit]\nWants=vm-agent.service\n"

// Inject gives the agent to an image that is otherwise as shipped, by systemd credentials (systemd ≥ 256) that QEMU
// hands over in the SMBIOS tables of a PC.
func Inject() []Credential {
	return []Credential{
		{"vm-agent", agent},
		{"systemd.extra-unit.vm-agent.service", fmt.Appendf(nil, unit, "%d/vm-agent", "LoadCredential=vm-agent\n")},
		{"systemd.unit-dropin.sysinit.target", []byte(wants)},
	}
}

// AgentFile is the agent, to be put on a partition of a board without SMBIOS tables.
func AgentFile() []byte { return agent }

// InjectArguments are kernel arguments that start the agent from a file of the guest: the way in where there are no
// SMBIOS tables. The kernel takes 2,048 bytes of arguments at most, so that the agent itself has no room in them.
func InjectArguments(file string) string {
	credential := func(name, content string) string {
		return " systemd.set_credential_binary=" + name + ":" + base64.StdEncoding.EncodeToString([]byte(content))
	}
	return credential("systemd.extra-unit.vm-agent.service", fmt.Sprintf(unit, file, ""))[1:] +
		credential("systemd.unit-dropin.sysinit.target", wants)
}
