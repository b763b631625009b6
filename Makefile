GO      ?= go
BIN     := $(CURDIR)/bin
LINT    := $(BIN)/golangci-lint
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help run build test race e2e pictures bench lint fmt tools ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Run the provider, the sample API and the sample app; Ctrl-C ends them
	@scripts/run

build: ## Build all programs into ./bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

test: ## Install what the tests need where that is possible, and run them all
	scripts/test-deps
	$(GO) test -race ./...

race: ## Run the tests of provider and storage five times under the race detector
	$(GO) test -race -count=5 ./provider/... ./storage/...

e2e: ## Run the whole-system tests only
	scripts/test-deps
	$(GO) test -race -count=1 ./e2e/...

pictures: ## Take the pictures in docs/pages anew
	scripts/pictures

bench: build ## Measure the provider on both engines and print a table
	$(GO) run ./bench

lint: tools ## Check style, walls and formatting
	$(LINT) run ./...

fmt: tools ## Format the code
	$(LINT) fmt ./...

tools: $(LINT) ## Install the linter into ./bin

$(LINT):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

ci: ## Do what CI does
	.ci/run
