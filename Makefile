# make [help] lists the targets. Every variable can be set on the command line.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PREFIX  ?= /usr/local
DESTDIR ?=

# make demo
IMAGE   ?= oci:build/demo-oci
BUILDER ?=
OUT     ?= rootfs.ext4

# make test, soak, fuzz, cover, bench
PKG      ?= ./...
TIMEOUT  ?= 15m
FUZZTIME ?= 20s
SOAKTIME ?= 5m
BENCHARGS ?=

# Where the tools of "make lint" and "make generate" are kept, each under its
# name and version. These are the only places that name the versions.
TOOLS           ?= $(CURDIR)/build/tools
GOFUMPT         := mvdan.cc/gofumpt@v0.12.0
STATICCHECK     := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI_LINT   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK     := golang.org/x/vuln/cmd/govulncheck@v1.9.0
PROTOC_GEN_GO   := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GEN_GRPC := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

# $(call tool,PACKAGE@VERSION) is the tool's file.
tool = $(TOOLS)/$(notdir $(1))

BINARIES := bin/banger bin/banger-builder-e2fs bin/banger-builder-debugfs bin/banger-builder-ext4 \
	bin/banger-builder-erofs bin/banger-builder-squashfs bin/banger-builder-tar
GOBUILD   = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false
RACE     := $(if $(shell command -v $${CC:-gcc}),-race)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build $(BINARIES)
build: $(BINARIES) ## Build bin/banger and the standalone builders

bin/banger:                 PACKAGE := ./cmd/banger
bin/banger-builder-e2fs:    PACKAGE := ./plugins/mkfs-e2fs/cmd/banger-builder-e2fs
bin/banger-builder-debugfs: PACKAGE := ./plugins/mkfs-debugfs/cmd/banger-builder-debugfs
bin/banger-builder-ext4:    PACKAGE := ./plugins/mkfs-ext4/cmd/banger-builder-ext4
bin/banger-builder-erofs:   PACKAGE := ./plugins/mkfs-erofs/cmd/banger-builder-erofs
bin/banger-builder-squashfs: PACKAGE := ./plugins/mkfs-squashfs/cmd/banger-builder-squashfs
bin/banger-builder-tar:     PACKAGE := ./plugins/tar/cmd/banger-builder-tar
$(BINARIES):
	$(GOBUILD) -ldflags '-s -w -X main.release=$(VERSION)' -o $@ $(PACKAGE)

.PHONY: demo
demo: bin/banger $(if $(filter oci:build/demo-oci,$(IMAGE)),build/demo-oci) ## Make OUT=rootfs.ext4 of IMAGE= (any reference; default: built here) with BUILDER=
	bin/banger build $(if $(BUILDER),--builder $(BUILDER) )-o $(OUT) $(IMAGE)
	@demo/howto $(OUT)

.PHONY: build/demo-oci
build/demo-oci:
	@$(GOBUILD) -ldflags '-s -w -buildid=' -o build/demo-init ./demo/init
	@$(GO) run ./demo/mkimage -init build/demo-init -o $@

.PHONY: test
test: ## Run all tests of PKG=, and say what was skipped and why
	@$(if $(RACE),,echo 'no C compiler: the tests run without the race detector')
	$(GO) run ./internal/testreport $(RACE) -shuffle=on -timeout $(TIMEOUT) $(PKG)

.PHONY: fixtures
fixtures: ## Make the Debian image, and get the newer e2fsck, that some tests need (root, network)
	test/debian/mkimage build/debian-oci
	test/debian/mktools build/trixie

.PHONY: lint
lint: $(call tool,$(GOFUMPT)) $(call tool,$(STATICCHECK)) $(call tool,$(GOLANGCI_LINT)) ## Check formatting, vet, static analysis, go.mod and generated code
	@unformatted=$$($(call tool,$(GOFUMPT)) -l .); [ -z "$$unformatted" ] || { echo "not gofumpt-ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(call tool,$(STATICCHECK)) ./...
	$(call tool,$(GOLANGCI_LINT)) run
	$(GO) mod tidy -diff
	$(MAKE) --no-print-directory check-generated

.PHONY: cross
cross: ## Compile for linux/arm64 and darwin/arm64, with all tests
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...

.PHONY: vuln
vuln: $(call tool,$(GOVULNCHECK)) ## Look for known vulnerabilities, where the database can be reached
	@db=$${GOVULNDB:-https://vuln.go.dev}; \
	if curl --silent --fail --max-time 20 --output /dev/null "$$db/index/db.json"; then \
		$(call tool,$(GOVULNCHECK)) ./...; \
	else echo "govulncheck did not run: no answer from $$db"; fi

PROTOC = protoc -Isdk/proto --plugin=protoc-gen-go=$(call tool,$(PROTOC_GEN_GO)) \
	--plugin=protoc-gen-go-grpc=$(call tool,$(PROTOC_GEN_GRPC)) \
	--go_opt=paths=source_relative --go-grpc_opt=paths=source_relative

.PHONY: generate
generate: $(call tool,$(PROTOC_GEN_GO)) $(call tool,$(PROTOC_GEN_GRPC)) ## Generate code from sdk/proto/*.proto, and docs/cli.md
	$(PROTOC) --go_out=sdk/proto --go-grpc_out=sdk/proto builder.proto tree.proto
	$(GO) test ./cmd/banger -run '^TestCLIDoc$$' -update

.PHONY: check-generated
check-generated: $(call tool,$(PROTOC_GEN_GO)) $(call tool,$(PROTOC_GEN_GRPC))
	@if ! command -v protoc >/dev/null; then \
		echo 'generated code was not checked: no protoc (Debian: protobuf-compiler)'; \
		[ "$${CI:-}" != true ]; \
	else \
		dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
		$(PROTOC) --go_out="$$dir" --go-grpc_out="$$dir" builder.proto tree.proto && \
		for f in "$$dir"/*; do diff -u "sdk/proto/$${f##*/}" "$$f" || { echo 'run "make generate"'; exit 1; }; done; \
	fi

.PHONY: soak
soak: ## Run the soak tests for SOAKTIME=5m: many processes build, die and collect garbage in one store
	BANGER_SOAK=$(SOAKTIME) $(GO) test -run Soak -v -count=1 -timeout 0 ./cas

.PHONY: fuzz
fuzz: ## Run each fuzz target of PKG= for FUZZTIME=20s
	test/fuzz $(FUZZTIME) $(PKG)

.PHONY: bench
bench: bin/banger ## Run the benchmarks: whole commands against their rivals, then Go's
	test/debian/mkbench build/bench
	@status=0; $(GO) run ./bench $(BENCHARGS) || status=$$?; \
	$(GO) test -run '^$$' -bench . -benchmem -timeout 2h $(PKG); exit $$status

.PHONY: cover
cover: ## Measure the tests' coverage of PKG= into cover.out
	$(GO) test -coverprofile=cover.out -coverpkg=./... $(PKG)
	@$(GO) tool cover -func=cover.out | tail -n 1

# Whether install and deb put the builders, which are in the binary, in place as
# programs of their own, too: BUILDERS=1
BUILDERS ?=

.PHONY: install
install: $(if $(BUILDERS),$(BINARIES),bin/banger) ## Install into DESTDIR= PREFIX=/usr/local: the binary, completions, manual pages; with BUILDERS=1 standalone builders
	packaging/install bin/banger bin/banger $(DESTDIR)$(PREFIX) $(if $(BUILDERS),$(filter bin/banger-builder-%,$(BINARIES)))

# make release and deb, for ARCH= or both
ARCH ?= amd64 arm64

.PHONY: release
release: $(ARCH:%=build/release/banger-%) $(ARCH:%=build/release/banger-darwin-%) ## Build binaries for Linux and macOS, ARCH="amd64 arm64", into build/release

.PHONY: $(ARCH:%=build/release/banger-%) $(ARCH:%=build/release/banger-darwin-%)
$(ARCH:%=build/release/banger-%): build/release/banger-%:
	GOOS=linux GOARCH=$* $(GOBUILD) -ldflags '-s -w -X main.release=$(VERSION)' -o $@ ./cmd/banger

$(ARCH:%=build/release/banger-darwin-%): build/release/banger-darwin-%:
	GOOS=darwin GOARCH=$* $(GOBUILD) -ldflags '-s -w -X main.release=$(VERSION)' -o $@ ./cmd/banger

.PHONY: deb
deb: $(ARCH:%=build/release/banger-%) $(if $(BUILDERS),$(ARCH:%=build/release/builders-%)) bin/banger ## Make Debian packages for ARCH="amd64 arm64" in build/release; BUILDERS=1 as for install
	@for arch in $(ARCH); do packaging/deb "$$arch" '$(VERSION)' build/release bin/banger $(if $(BUILDERS),build/release/builders-$$arch/*); done

.PHONY: $(ARCH:%=build/release/builders-%)
$(ARCH:%=build/release/builders-%): build/release/builders-%:
	rm -rf $@
	GOOS=linux GOARCH=$* $(GOBUILD) -ldflags '-s -w -X main.release=$(VERSION)' -o $@/ ./plugins/.../cmd/...

.PHONY: tools
tools: $(foreach t,$(GOFUMPT) $(STATICCHECK) $(GOLANGCI_LINT) $(GOVULNCHECK) $(PROTOC_GEN_GO) $(PROTOC_GEN_GRPC),$(call tool,$(t))) ## Install the tools of lint, vuln and generate into build/tools

define tool_rule
$(call tool,$(1)):
	GOBIN=$(TOOLS)/new CGO_ENABLED=0 $(GO) install $(1)
	@mv $(TOOLS)/new/$(firstword $(subst @, ,$(notdir $(1)))) $$@
endef
$(foreach t,$(GOFUMPT) $(STATICCHECK) $(GOLANGCI_LINT) $(GOVULNCHECK) $(PROTOC_GEN_GO) $(PROTOC_GEN_GRPC),$(eval $(call tool_rule,$(t))))

.PHONY: clean
clean: ## Remove what the other targets have made
	rm -rf bin build cover.out rootfs.ext4
