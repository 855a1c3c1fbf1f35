# Twinpath. Everything a target needs it installs by itself (Debian, as root or with sudo).

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# What the tests and the lab speak to: the real nft, DHCP server, and keepalived to compare with.
PACKAGES = nftables iproute2 dnsmasq-base keepalived haproxy curl iputils-ping procps frr tcpdump gcc libc6-dev
TOOLS = nft ip dnsmasq keepalived haproxy curl ping sysctl vtysh gcc

.PHONY: build
build: ## the program, static, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/twinpath ./cmd/twinpath

.PHONY: demo
demo: tools build ## a whole home in network namespaces: a story, then yours to play with; PAIR=1: with two routers
	bin/twinpath lab $(if $(PAIR),--pair) $(if $(PLAY),--play)

.PHONY: test
test: tools lint ## every test, with the race detector
	$(GO) test -race -timeout 20m ./...

.PHONY: bench
bench: tools build ## forwarding, memory, processor, switching and hand-over, beside the peers'; LAB_RUNS=10 as published
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./lab

.PHONY: lint
lint: ## gofmt, go vet (also as on a 32-bit Pi), staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm CGO_ENABLED=0 $(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: tools
tools:
	@missing=; for t in $(TOOLS); do PATH=$$PATH:/usr/sbin:/sbin command -v $$t >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	fi

.PHONY: help
help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/'
