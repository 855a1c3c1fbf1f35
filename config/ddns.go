package config

import "github.com/twinpath/twinpath/router"

func ddnsKeys() keys[router.DDNS] {
	return keys[router.DDNS]{
		{"provider", func(d *router.DDNS, v value) { d.Provider = v.word(64) }},
		{"host", func(d *router.DDNS, v value) { v.some(func(v value) { d.Hosts = append(d.Hosts, v.hostName()) }) }},
		{"user", func(d *router.DDNS, v value) { d.User = v.text(255) }},
		{"password", func(d *router.DDNS, v value) { d.Password = v.secret(255) }},
		{"wan", func(d *router.DDNS, v value) { d.WAN = v.word(32) }},
		{"server", func(d *router.DDNS, v value) { d.Server = v.text(255) }},
		{"path", func(d *router.DDNS, v value) { d.Path = v.text(1024) }},
	}
}
