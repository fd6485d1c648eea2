# listenwatch. `make verify` is the main job, `make test` the checks; each sets up all it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo --preserve-env=LISTENWATCH_REQUIRE,LISTENWATCH_DRIVER)
PY := .venv/bin/python
LISTENWATCH := .venv/bin/listenwatch
GUEST_KERNEL ?= 6.1
MACHINE := $(shell uname -m)
CLANG ?= clang
BPF_FLAGS := -O2 -g -fdebug-compilation-dir=. -Wall -Werror -target bpf -mcpu=v3 -I/usr/include/$(MACHINE)-linux-gnu
# The machines (uname -m) that a probe is compiled for, on whichever of them; as libbpf's headers name them
MACHINES := x86_64 aarch64 riscv64
x86_64 := x86
aarch64 := arm64
riscv64 := riscv

PACKAGES := clang llvm libbpf1 libbpf-dev linux-libc-dev libc6-dev gcc python3 python3-venv \
	qemu-system-$(if $(filter aarch64,$(MACHINE)),arm,x86) kmod busybox-static zstd debian-archive-keyring libelf1 python3-bpfcc \
	iproute2 lld
# The emulators for guests of other architectures, with the firmware that riscv64 starts with
EMULATORS := qemu-system-arm qemu-system-misc opensbi
# Servers that the tests and the bench run themselves, and another stack (runsc is gVisor). Most packages would start one, podman's an API for root.
SERVERS := redis-tools nginx-light podman runc runsc prometheus haproxy memcached lighttpd apache2-bin
# What shows the man pages and completes, and roots of Debian 12 and 13 to install in
SHOWN := man-db zsh fish mmdebstrap
PROBES := $(patsubst probes/%.bpf.c,%,$(wildcard probes/*.bpf.c))
OBJECTS := $(foreach machine,$(MACHINES),$(PROBES:%=listenwatch/bpf/%.$(machine).bpf.o))
# what engine bcc compiles as it starts
BCC_SOURCES := $(patsubst probes/%,listenwatch/bpf/source/%,probes/listen.bcc.c \
	$(filter-out probes/kernel.h probes/registers.h probes/overflow%,$(wildcard probes/*.h)))

.PHONY: help setup objects verify verify-guest matrix test lint vectors mutants sabotage bench bench-compare bench-guest docs dist image box lab lab-tools clean

help:
	@echo 'make verify   set up, then check listen() on this kernel, and with kprobes in a guest if it has none'
	@echo 'make test     set up, then lint, type check and every test'
	@echo 'make bench    set up, then measure start-up, overhead, speed and memory'
	@echo 'make bench-compare BASE=FILE  the last bench beside an earlier one, a copy of build/bench.json'
	@echo 'make bench-guest  the overhead with kprobes, compared with bpftrace and bcc, and on other system calls, in guests'
	@echo 'make matrix   verify on this kernel and in guests with every other the mirror has, side by side'
	@echo 'make mutants  mutation testing of the model and the verdict'
	@echo 'make sabotage  kernels broken on purpose, one thing each, in a guest: verify has to catch them'
	@echo 'make vectors  the matrix, which then also records the test vectors afresh'
	@echo 'make docs     the documentation as a site, in build/site'
	@echo 'make dist     a wheel, one file that runs and a Debian package, in dist/, each built twice to compare'
	@echo 'make image    a container image of it, from this machine'"'"'s own Debian mirror: localhost/listenwatch'
	@echo 'make lab      the Vagrant lab from nothing: box, machine, every exercise checked in it, taken down'
	@echo 'make box      a box for vagrant-libvirt, from this machine'"'"'s own Debian mirror'
	@echo 'make setup    apt packages, .venv, compiled probe'
	@echo 'make objects  only the compiled probe, and the sources bcc compiles'
	@echo 'make clean    remove what was built'

# ---- set-up ------------------------------------------------------------------------------------

# Compiled to bytecode as pip does with what it installs: where PYTHONDONTWRITEBYTECODE is set, each start would do it
setup: .venv/.packages .venv/.installed objects
	@$(PY) -m compileall -q -x labs/exercises listenwatch

# apt only where a package is missing: a second run needs neither network nor root
.venv/.packages: WANTED = $(PACKAGES)
.venv/.emulators: WANTED = $(EMULATORS)
.venv/.packages .venv/.emulators: Makefile
	@missing=$$(for p in $(WANTED); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
		| grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		$(SUDO) apt-get update -qq; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			$$missing >/dev/null; \
	fi
	@mkdir -p .venv && touch $@

# Installed, and not started: neither now (policy-rc.d) nor with the next boot
.venv/.servers: Makefile .venv/.packages
	@missing=$$(for p in $(SERVERS) $(SHOWN); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
		| grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing, without starting them:" $$missing; \
		$(SUDO) env PACKAGES="$$missing" sh tests/install-servers; \
	fi
	@touch $@

.venv/.installed: pyproject.toml .venv/.packages
	@echo 'installing Python packages into .venv'
	@python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[exporter,guest,otlp,test]'
	@touch $@

define COMPILED_FOR
listenwatch/bpf/%.$(1).bpf.o: probes/%.bpf.c $(wildcard probes/*.h) .venv/.packages
	$$(CLANG) $$(BPF_FLAGS) -D__TARGET_ARCH_$($(1)) -c $$< -o $$@
	@llvm-strip -g $$@
endef
$(foreach machine,$(MACHINES),$(eval $(call COMPILED_FOR,$(machine))))

# What the probe is to the package at run time: the compiled objects, and for engine bcc its sources.
objects: $(OBJECTS) $(BCC_SOURCES)

listenwatch/bpf/source/%: probes/%
	@mkdir -p $(@D) && cp $< $@

# ---- the two commands --------------------------------------------------------------------------

verify: setup
	$(SUDO) $(LISTENWATCH) verify
	@[ -e /sys/bus/event_source/devices/kprobe ] || $(MAKE) --no-print-directory verify-guest

verify-guest: setup
	$(SUDO) $(LISTENWATCH) guest --kernel $(GUEST_KERNEL) -- $(CURDIR)/$(LISTENWATCH) verify --attach kprobe

# This kernel's tests watch the whole machine, so they run alone; guests have one processor each.
test: setup .venv/.emulators .venv/.servers lint
	$(SUDO) $(PY) -m pytest -n 2 tests/unit
	$(SUDO) $(PY) -m pytest tests/kernel
	$(SUDO) $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/guest

lint: setup
	.venv/bin/ruff check .
	.venv/bin/mypy

# Every change of the model and the verdict that the unit tests should notice, one at a time.
mutants: setup
	$(PY) -m tests.mutation

# Kernel modules that each break one thing in the listen path; also part of make test.
sabotage: setup
	$(SUDO) $(PY) -m tests.sabotage

bench: setup .venv/.servers
	@command -v strace >/dev/null || $(SUDO) apt-get install -y -qq strace >/dev/null
	$(SUDO) $(PY) -m tests.bench build/bench.json

# An earlier run, such as that of another commit, beside the last one: make bench-compare BASE=before.json
bench-compare: .venv/.installed
	@$(PY) -m tests.bench.compare $(BASE) build/bench.json

bench-guest: setup
	@dpkg -s bpftrace bpfcc-tools >/dev/null 2>&1 || \
		$(SUDO) apt-get install -y -qq --no-install-recommends bpftrace bpfcc-tools >/dev/null
	$(SUDO) $(PY) -m tests.bench.guest
	$(SUDO) $(PY) -m tests.bench.tax

# This kernel and every other the mirror has, side by side, and some of another architecture.
MATRIX := all,arm64:6.1,riscv64:6.12

matrix: setup .venv/.emulators
	$(SUDO) $(LISTENWATCH) matrix --kernels $(MATRIX)

# A vector is a recording of every call the scenarios make; replaying it needs no privilege.
vectors: setup .venv/.emulators
	$(SUDO) $(LISTENWATCH) matrix --kernels $(MATRIX) --vectors tests/vectors
	.venv/bin/python -m tests.helpers.kernels_run

# The documentation as a site: a broken link is an error. Commands, rules and eras come from the code.
docs: setup .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict --config-file docs/mkdocs.yml
	@echo 'build/site/index.html'

.venv/.docs: pyproject.toml .venv/.installed
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# What is published, into dist/. With the same commit and set-up the bytes are the same.
dist: setup
	$(PY) -m deploy.release

image: dist .venv/.servers
	$(SUDO) $(PY) -m deploy.release.image dist/listenwatch_*_all.deb build/image.tar
	$(SUDO) podman import --quiet --change 'ENTRYPOINT ["/usr/bin/listenwatch"]' build/image.tar \
		localhost/listenwatch:$$($(PY) -c 'from listenwatch.version import __version__; print(__version__)')

# The Vagrant lab. Its tools are many, and needed here only.
LAB_PACKAGES := vagrant vagrant-libvirt libvirt-daemon libvirt-daemon-system libvirt-daemon-driver-qemu \
	libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base iptables rsync openssh-client mmdebstrap e2fsprogs

lab-tools: setup
	@dpkg -s $(LAB_PACKAGES) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			$(LAB_PACKAGES) >/dev/null; }

box: lab-tools
	$(SUDO) env PYTHON=$(CURDIR)/$(PY) vagrant/box/build

lab: lab-tools
	$(SUDO) env PYTHON=$(CURDIR)/$(PY) vagrant/run

clean:
	rm -rf .venv build dist mutants *.egg-info $(OBJECTS) listenwatch/bpf/source
