# listenwatch. `make verify` is the main job, `make test` the checks; each sets up all it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo --preserve-env=LISTENWATCH_REQUIRE,LISTENWATCH_DRIVER)
PY := .venv/bin/python
LISTENWATCH := .venv/bin/listenwatch
GUEST_KERNEL ?= 6.1
ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
CLANG ?= clang
BPF_FLAGS := -O2 -g -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) \
	-I/usr/include/$(shell uname -m)-linux-gnu

PACKAGES := clang llvm libbpf1 libbpf-dev linux-libc-dev libc6-dev gcc python3 python3-venv \
	qemu-system-x86 kmod busybox-static file debian-archive-keyring libelf1 python3-bpfcc \
	iproute2 redis-tools nginx-light
OBJECTS := $(patsubst probes/%.bpf.c,listenwatch/engines/%.bpf.o,$(wildcard probes/*.bpf.c))

.PHONY: help setup verify verify-guest matrix test lint vectors mutants sabotage bench bench-guest box lab lab-tools clean

help:
	@echo 'make verify   set up, then check listen() on this kernel, and with kprobes in a VM if it has none'
	@echo 'make test     set up, then lint, type check and every test'
	@echo 'make bench    set up, then measure start-up, overhead, speed and memory'
	@echo 'make bench-guest  the overhead with kprobes, beside bpftrace and bcc, in a VM'
	@echo 'make matrix   verify on this kernel and in VMs with every other the mirror has, side by side'
	@echo 'make mutants  mutation testing of the model and the verdict'
	@echo 'make sabotage  kernels broken on purpose, one thing each, in a VM: verify has to catch them'
	@echo 'make vectors  the matrix, which then also records the test vectors afresh'
	@echo 'make lab      the Vagrant lab from nothing: box, machine, every exercise checked in it, taken down'
	@echo 'make box      a box for vagrant-libvirt, from this machine'"'"'s own Debian mirror'
	@echo 'make setup    apt packages, .venv, compiled probe'
	@echo 'make clean    remove what was built'

# ---- set-up ------------------------------------------------------------------------------------

setup: .venv/.packages .venv/.installed $(OBJECTS)

# apt only where a package is missing: a second run needs neither network nor root
.venv/.packages: Makefile
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
		| grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		$(SUDO) apt-get update -qq; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			$$missing >/dev/null; \
	fi
	@mkdir -p .venv && touch $@

.venv/.installed: pyproject.toml .venv/.packages
	@echo 'installing Python packages into .venv'
	@python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[guest,test]'
	@touch $@

listenwatch/engines/%.bpf.o: probes/%.bpf.c $(wildcard probes/*.h) .venv/.packages
	$(CLANG) $(BPF_FLAGS) -c $< -o $@
	@llvm-strip -g $@

# ---- the two commands --------------------------------------------------------------------------

verify: setup
	$(SUDO) $(LISTENWATCH) verify
	@[ -e /sys/bus/event_source/devices/kprobe ] || $(MAKE) --no-print-directory verify-guest

verify-guest: setup
	$(SUDO) $(LISTENWATCH) guest --kernel $(GUEST_KERNEL) -- $(CURDIR)/$(LISTENWATCH) verify --attach kprobe

# This kernel's tests watch the whole machine, so they run alone; guests have one processor each.
test: setup lint
	$(SUDO) $(PY) -m pytest tests/unit tests/kernel
	$(SUDO) $(PY) -m pytest -n 2 --dist loadfile tests/guest

lint: setup
	.venv/bin/ruff check .
	.venv/bin/mypy

# Every change of the model and the verdict that the unit tests should notice, one at a time.
mutants: setup
	$(PY) -m tests.mutation

# Kernel modules that each break one thing in the listen path; also part of make test.
sabotage: setup
	$(SUDO) $(PY) -m tests.sabotage

bench: setup
	@command -v strace >/dev/null || $(SUDO) apt-get install -y -qq strace >/dev/null
	$(SUDO) $(PY) -m tests.bench

bench-guest: setup
	@dpkg -s bpftrace bpfcc-tools >/dev/null 2>&1 || \
		$(SUDO) apt-get install -y -qq --no-install-recommends bpftrace bpfcc-tools >/dev/null
	$(SUDO) $(PY) -m tests.bench.guest

# This kernel and every other the mirror has, side by side.
matrix: setup
	$(SUDO) $(LISTENWATCH) matrix

# A vector is a recording of every call the scenarios make; replaying it needs no privilege.
vectors: setup
	$(SUDO) $(LISTENWATCH) matrix --vectors tests/vectors

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
	rm -rf .venv build dist *.egg-info $(OBJECTS)
