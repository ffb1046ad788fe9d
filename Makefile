# Thin fronts to CMake and scripts/: each works as the first command on a fresh Debian 12 or 13 machine.
# The release build is build/weir; other presets (CMakePresets.json) are built with `make build PRESET=debug`.
PRESET = release
JOBS = $(shell nproc)
prefix = /usr/local

dir = build$(if $(filter-out release,$(PRESET)),/$(PRESET))

.PHONY: help build run test check-fast bench split-table fuzz soak mutate analyze image install format clean

help:
	@echo 'make build        the release binary at build/weir (PRESET=debug, asan, tsan, clang: build/<preset>/weir)'
	@echo 'make run          two demo endpoints and weir on port 8080, to try it out'
	@echo 'make test         the whole suite: unit, lint, whole-program; plain, ASan+UBSan, TSan'
	@echo 'make check-fast   the inner loop: a quick build, unit tests, lint, some whole-program tests'
	@echo 'make bench        weir beside nginx, HAProxy and a bare relay'
	@echo 'make split-table  how exactly weir, nginx and HAProxy split, into docs/split-accuracy.md'
	@echo 'make fuzz         libFuzzer targets (SECONDS_EACH=60)'
	@echo 'make soak         mixed load with faults and reloads under ASan (MINUTES=10)'
	@echo 'make mutate       FILE=router/split.c: changes one place at a time and names what no test sees (MUTATE_ARGS=--most 50)'
	@echo 'make analyze      clang-tidy, cppcheck, gcc -fanalyzer'
	@echo 'make image        the container image'
	@echo 'make install      binary, manual page, systemd unit, examples (prefix=/usr/local, DESTDIR=)'
	@echo 'make format       clang-format over all sources'
	@echo 'make clean        removes build/'

build:
	@scripts/install-deps.sh build
	@cmake --preset $(PRESET) -DCMAKE_INSTALL_PREFIX=$(prefix) >/dev/null
	@cmake --build $(dir) --parallel $(JOBS)

run:
	@scripts/run-demo.sh

test:
	@scripts/test.sh

check-fast:
	@scripts/test.sh --fast

bench: build
	@scripts/install-deps.sh bench
	@bench/run $(BENCH_ARGS)

split-table: build
	@scripts/install-deps.sh run bench
	@bench/split-table --write docs/split-accuracy.md

fuzz:
	@scripts/install-deps.sh build fuzz
	@scripts/fuzz.sh $(FUZZ_ARGS)

soak:
	@scripts/install-deps.sh build test
	@scripts/soak.sh $(MINUTES)

mutate:
	@scripts/install-deps.sh build test
	@scripts/mutate.py $(FILE) $(MUTATE_ARGS)

analyze:
	@scripts/install-deps.sh build analyze
	@scripts/analyze.sh

image:
	@scripts/image.sh

install: build
	@cmake --install $(dir)

format:
	@scripts/install-deps.sh test
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf build
