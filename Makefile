# Twinpath. Everything a target needs it installs by itself (Debian, as root or with sudo).

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# What the tests and the lab speak to: the real nft, DHCP server, and keepalived to compare with.
PACKAGES = nftables iproute2 dnsmasq-base keepalived haproxy curl iputils-ping procps frr tcpdump busybox gcc libc6-dev \
	mosquitto mosquitto-clients python3-aiosmtpd \
	inadyn radvd isc-dhcp-server kea-dhcp6-server ndisc6
TOOLS = nft ip dnsmasq keepalived haproxy curl ping sysctl vtysh busybox gcc mosquitto mosquitto_pub aiosmtpd inadyn radvd dhcpd kea-dhcp6 rdisc6
# What makes an image.
IMAGE_PACKAGES = squashfs-tools mtools dosfstools fdisk e2fsprogs xz-utils zstd kmod git debian-archive-keyring
IMAGE_TOOLS = mksquashfs mcopy mkfs.vfat sfdisk mke2fs xz zstd depmod git
# What boots it, and what the package is installed in.
MACHINE_PACKAGES = qemu-system-x86 qemu-system-arm ovmf u-boot-qemu pppoe cpio openssh-client mmdebstrap
MACHINE_TOOLS = qemu-system-x86_64 qemu-system-aarch64 pppoe-server cpio ssh mmdebstrap
# What looks at the page: a browser, and the accessibility audit that runs in it.
WEB_PACKAGES = chromium fonts-dejavu-core npm
WEB_TOOLS = chromium npm
AXE = axe-core@4.14.1
# The lab measures times, so nothing else runs beside it. These build and boot whole systems; they take longest, so they begin first.
SYSTEMS = ./packaging/... ./image/vmtest

.PHONY: build
build: ## the program, static, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/twinpath ./cmd/twinpath

.PHONY: demo
demo: tools build ## a whole home in network namespaces: a story, then yours to play with; PAIR=1: with two routers; PAGE=N: its page on this port
	bin/twinpath lab $(if $(PAIR),--pair) $(if $(PLAY),--play,--page $(or $(PAGE),0))

.PHONY: test
test: tools image-tools machine-tools web-tools lint ## every test, with the race detector; the PC's image is built and booted
	$(GO) test -race -timeout 50m $(SYSTEMS) $$($(GO) list ./... | grep -v -F -x "$$($(GO) list ./lab $(SYSTEMS))")
	GO=$(GO) lab/run-tests

.PHONY: bench
bench: tools build ## forwarding, memory, processor, switching and hand-over, beside the peers'; LAB_RUNS=10 as published
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./lab

.PHONY: deb
deb: ## Debian packages for amd64, arm64 and armhf, in dist/
	for a in amd64 arm64 armhf; do GO=$(GO) packaging/build $$a $(VERSION) || exit 1; done

.PHONY: image
image: image-tools ## images to flash, in image/out/: ARCH=amd64 (PC), ARCH=arm64 (Raspberry Pi), else both; KEY=F signs the updates
	for a in $(or $(ARCH),amd64 arm64); do \
		$(GO) run ./image/build -arch $$a -out image/out -version $(VERSION) $(if $(KEY),-key $(KEY)) || exit 1; done

.PHONY: image-test
image-test: image-tools machine-tools ## the image's tests in full: CUTS=N power cuts
	TWINPATH_CUTS=$(or $(CUTS),24) $(GO) test -count=1 -timeout 60m -v ./image/vmtest

.PHONY: image-test-arm64
image-test-arm64: image-tools machine-tools ## boots the Raspberry Pi's image (make test boots the PC's)
	TWINPATH_VM=arm64 $(GO) test -count=1 -timeout 60m -v ./image/vmtest

.PHONY: lint
lint: ## gofmt, go vet (also as on a 32-bit Pi), staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm CGO_ENABLED=0 $(GO) vet ./...
	$(GO) tool staticcheck ./...

# Installs the packages of its second argument when one of the programs of its first is missing.
install = missing=; for t in $(1); do PATH=$$PATH:/usr/sbin:/sbin command -v $$t >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	fi

.PHONY: tools image-tools machine-tools web-tools
tools:
	@$(call install,$(TOOLS),$(PACKAGES))
image-tools:
	@$(call install,$(IMAGE_TOOLS),$(IMAGE_PACKAGES))
machine-tools:
	@$(call install,$(MACHINE_TOOLS),$(MACHINE_PACKAGES))
# The audit comes from the npm registry that the machine knows, without running anything of it; the tests know its checksum.
web-tools: lab/_web/$(AXE)
	@$(call install,$(WEB_TOOLS),$(WEB_PACKAGES))
lab/_web/$(AXE):
	@$(call install,$(WEB_TOOLS),$(WEB_PACKAGES))
	npm install --prefix lab/_web --silent --no-save --no-package-lock --ignore-scripts --no-audit --no-fund $(AXE)
	@touch $@

.PHONY: help
help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed 's/:.*## /\t/'
