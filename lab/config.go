package lab

// DefaultConfig is the config of the router "main" of the Default home: everything that it does not
// say is Twinpath's default, so that the story shows what an owner gets who changes nothing.
const DefaultConfig = `[router]
name = "main"

[lan]
interface = "lan0"
address   = "192.168.1.1/24"

[[wan]]
name      = "fibre"
interface = "wan0"
kind      = "dhcp"
cost      = 0

  [[wan.check]]
  ping   = "1.1.1.1"
  weight = 20

  [[wan.check]]
  ping   = "8.8.8.8"
  weight = 20

  [[wan.check]]
  ping   = "9.9.9.9"
  weight = 20

  [[wan.check]]
  ping   = "203.0.113.1"
  weight = 20

[[wan]]
name      = "lte"
interface = "wan1"
kind      = "dhcp"
cost      = 50
metered   = true

  [[wan.check]]
  ping   = "1.1.1.1"
  weight = 20

  [[wan.check]]
  ping   = "8.8.8.8"
  weight = 20

  [[wan.check]]
  ping   = "9.9.9.9"
  weight = 20

  [[wan.check]]
  ping   = "203.0.113.2"
  weight = 20
`
