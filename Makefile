# The front door. `make help` lists what there is; every program ends up in bin/.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PRESET ?= release
BUILD := build/$(PRESET)
PYTHON := /usr/bin/python3
export GOTOOLCHAIN ?= auto

PROGRAMS := cdc cdc-failpoints cdc-replay cdc-kafka-consumer tikv-simulator
SOURCES = $(shell git ls-files --cached --others --exclude-standard -- '*.h' '*.cc')

.PHONY: help
help: ## this list
	@echo "Tidewire: change data capture for TiDB. Targets:"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16 | sed 's/^/  make /'

.PHONY: deps
deps: ## install the Debian packages and the Go toolchain (needs root or sudo, only if something is missing)
	@scripts/install.sh

$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json | deps
	cmake --preset $(PRESET)

.PHONY: build
build: deps $(BUILD)/build.ninja bin/cdc-playground ## build every program into bin/
	ninja -C $(BUILD) -j $(JOBS)
	@mkdir -p bin
	@for p in $(PROGRAMS); do cmp -s $(BUILD)/bin/$$p bin/$$p || cp -f $(BUILD)/bin/$$p bin/$$p; done

bin/cdc-playground: $(shell find playground -name '*.go' -not -name '*_test.go' 2>/dev/null) playground/go.mod playground/go.sum | deps
	@mkdir -p bin
	cd playground && CGO_ENABLED=0 go build -trimpath -o ../bin/cdc-playground .

.PHONY: playground
playground: bin/cdc-playground ## run a TiDB cluster on loopback until Ctrl-C
	bin/cdc-playground

.PHONY: demo
demo: build ## TiDB -> cdc -> MariaDB under a lively load, compared at the end (KEEP=1 leaves it running)
	$(PYTHON) tools/demo.py

.PHONY: test
test: build test-unit test-playground test-simulator test-integration ## all tests

.PHONY: test-unit
test-unit: build ## C++ unit, property and simulation tests, and those against etcd and MariaDB
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

SEEDS ?= 1..1000
.PHONY: simulate
simulate: build ## clusters on a virtual clock, one per seed (SEEDS=a..b); prints the seeds that fail
	$(BUILD)/bin/control_simulation --seeds $(SEEDS) --jobs $(JOBS)

.PHONY: simulate-data
simulate-data: build ## the dataflow over simulated stores with faults, one story per seed (SEEDS=a..b)
	$(BUILD)/bin/data_simulation --seeds $(SEEDS) --jobs $(JOBS)

.PHONY: soak
soak: build ## everything random for SOAK_MINUTES (20), then compared; SOAK_SEED=N repeats loads and faults
	$(PYTHON) tests/soak/soak.py

.PHONY: test-playground
test-playground: deps ## the playground's own tests
	cd playground && CGO_ENABLED=0 go vet ./... && CGO_ENABLED=0 go test ./...

.PHONY: test-simulator
test-simulator: build ## the simulator, driven by TiKV's Go client
	cd simulator/tests/go && CGO_ENABLED=0 go vet ./... && CGO_ENABLED=0 SIMULATOR=$(CURDIR)/bin/tikv-simulator go test -count=1 ./...

.PHONY: test-integration
test-integration: build ## recordings and live workloads through the whole server (ARGS='-k bank' for a part)
	tests/integration/run.sh $(ARGS)

.PHONY: format
format: ## format the C++ and Go code in place
	clang-format-19 -i $(SOURCES)
	gofmt -w playground simulator/tests/go

.PHONY: format-check
format-check: deps ## fail if the formatter would change something
	@clang-format-19 --dry-run --Werror $(SOURCES)
	@test -z "$$(gofmt -l playground simulator/tests/go | tee /dev/stderr)"

.PHONY: tidy
tidy: deps $(BUILD)/build.ninja ## clang-tidy over our sources; only what changed since it was clean (FILES='a b' for a part)
	ninja -C $(BUILD) -j $(JOBS) generated
	$(PYTHON) tools/tidy.py --build $(BUILD) --jobs $(JOBS) $(FILES)

.PHONY: asan tsan
asan tsan: deps ## every ctest test under a sanitizer, simulations too
	cmake --preset $@
	ninja -C build/$@ -j $(JOBS)
	ctest --test-dir build/$@ --output-on-failure -j $(JOBS)

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: deps ## every fuzz target for FUZZ_SECONDS (60), as many at a time as there are cores
	cmake --preset fuzz
	ninja -C build/fuzz -j $(JOBS) fuzzers
	tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS) $(JOBS)

CHECKS := format-check tidy asan tsan fuzz
.PHONY: check
check: ## format, tidy, sanitizers, short fuzzing, one after the other; says what failed
	@for step in $(CHECKS); do \
	  start=$$SECONDS; echo "== $$step"; \
	  $(MAKE) --no-print-directory $$step || { echo "make check: $$step FAILED"; exit 1; }; \
	  verdict+="  $$step ok, $$((SECONDS - start)) s"$$'\n'; \
	done; printf 'make check: all is well\n%s' "$$verdict"

.PHONY: bench
bench: build ## benchmarks, one line each (BENCH=regex for a part)
	$(PYTHON) bench/run.py --build $(BUILD) $(if $(BENCH),--only '$(BENCH)')

.PHONY: clean
clean: ## remove build/ and bin/
	rm -rf build bin
