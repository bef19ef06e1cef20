# The whole build, out of tree in build/. `make help` lists the targets.
#
# BPF: one object per sensor, linked into one and embedded in the binary, compressed. Editing one sensor
# compiles that sensor and links again.

PREFIX ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
B := build

VERSION := 0.1.0
WARN := -Wall -Wextra -Werror
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) -I. -Isrc -I$(B)/gen -DSONDE_VERSION='"$(VERSION)"' -MMD -MP
LDFLAGS ?=
# See src/kernel/thin.c and splice.c.
WRAP := -Wl,--wrap=btf__load_vmlinux_btf,--wrap=bpf_btf_get_next_id,-u,__wrap_btf__load_vmlinux_btf \
	-Wl,--wrap=bpf_prog_load,-u,__wrap_bpf_prog_load
# Tables for unwinding that nothing reads at run time; a debugger has its own from -g.
BARE := -fno-asynchronous-unwind-tables
# What nobody calls, most of it in the libraries, is left out of the program.
LEAN := -Wl,--gc-sections -Wl,--no-eh-frame-hdr
# The linker's short form of the thousands of addresses in tables; a static program has none to begin with.
ifndef STATIC
LEAN += -Wl,-z,pack-relative-relocs
endif
# Of the libraries only the C library is linked at run time, if any: one program that can be copied, and less memory.
LIBS = $(WRAP) -Wl,-Bstatic -lsqlite3 -lyaml -lbpf -lelf -lz -Wl,-Bdynamic -lm
ifdef STATIC
# SQLite would load extensions if it were told to, which a static program cannot; without this the linker warns of it.
LDFLAGS += -static -Wl,--wrap=dlopen,--defsym=__wrap_dlopen=0
LIBS = $(WRAP) -lsqlite3 -lyaml -lbpf -lelf -lz -lm
O := $(B)/static
else
O := $(B)
endif

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS = -O2 -g -std=gnu11 $(WARN) -target bpf -mcpu=v2 -D__TARGET_ARCH_$(ARCH) \
	$(addprefix -I/usr/include/,$(MULTIARCH)) -I. -MMD -MP

# What defines shared maps and functions comes first: the linker of libbpf 1.1 misplaces a map whose first mention is extern.
BPF_SHARED := lanes path cgroup histogram tcp listener
# A hook of policies is an object of its own, opened once for each place that policies hang on.
BPF_POLICY := lanes path cgroup policy_values policy_collect policy_enforcer policy
BPF_SENSORS := $(filter-out $(BPF_SHARED) $(BPF_POLICY),$(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c)))
BPF_OBJECTS := $(patsubst %,$(B)/bpf/%.bpf.o,$(BPF_SHARED) $(BPF_SENSORS))
SOURCES := $(filter-out %_test.c %_fuzz.c,$(wildcard src/*.c src/*/*.c))
OBJECTS := $(patsubst %.c,$(O)/%.o,$(SOURCES))
LIBRARY := $(filter-out $(O)/src/main.o,$(OBJECTS))
# What runs once, when a person asks: small rather than fast, because the program is copied to machines.
COLD := $(wildcard $(patsubst %,src/%/*.c,cmd report findings top hist policy lang)) \
	$(wildcard src/net/graph*.c src/net/show*.c src/base/manual*.c) src/books/critical.c
SANITIZED := $(patsubst %.c,$(B)/san/%.o,$(filter-out src/main.c,$(SOURCES)))
UNIT_TESTS := $(patsubst src/%_test.c,$(B)/test/%_test,$(wildcard src/*/*_test.c))
FUZZERS := $(patsubst src/%_fuzz.c,$(B)/fuzz/%_fuzz,$(wildcard src/*/*_fuzz.c))
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SECONDS ?= 20
PARTS ?= unit e2e vm
KERNELS ?= 5.10 6.1 6.12 7

# A line a step; V=1 shows the commands.
say = $(if $(V),,@printf '  %-9s%s\n' '$(1)' '$(patsubst $(B)/%,%,$@)';)

.PHONY: all help demo test unit e2e vm bench fuzz install uninstall deps clean lint docs
.DELETE_ON_ERROR:
.SECONDARY:

all: $(O)/sonde ## build the binary

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t12

# Once a build: whatever is missing is named with its package.
$(B)/tools:
	@CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' tests/deps check
	@mkdir -p $(B) && touch $@

# --- what runs in the kernel ---

$(B)/bpf/%.bpf.o: bpf/%.bpf.c | $(B)/tools
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/bpf/sonde.o: $(BPF_OBJECTS) Makefile
	$(call say,LINK)$(BPFTOOL) gen object $@ $(BPF_OBJECTS)

$(B)/bpf/policy.o: $(patsubst %,$(B)/bpf/%.bpf.o,$(BPF_POLICY)) Makefile
	$(call say,LINK)$(BPFTOOL) gen object $@ $(patsubst %,$(B)/bpf/%.bpf.o,$(BPF_POLICY))

$(B)/bpf/lineless: bpf/lineless.c | $(B)/tools
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 -O2 $(WARN) $< -o $@

$(B)/bpf/%.o.gz: $(B)/bpf/%.o $(B)/bpf/lineless
	$(call say,GZIP)$(B)/bpf/lineless < $< > $@.plain && gzip -9nc $@.plain > $@ && rm $@.plain

# --- the binary ---

$(O)/src/kernel/object.o $(B)/san/src/kernel/object.o: $(B)/bpf/sonde.o.gz $(B)/bpf/policy.o.gz
$(O)/src/rules/rules.o $(B)/san/src/rules/rules.o: src/rules/rules.yaml

# The system calls of this machine by name, as its headers have them; 32-bit ones where it can run such programs.
CALLS := sed -n 's/^\#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/@(\1, \2)/p' | sort
$(B)/gen/calls.h: | $(B)/tools
	@mkdir -p $(@D)
	@{ echo '#include <asm/unistd.h>' | $(CC) -E -dM - | $(CALLS) | sed 's/@/CALL/'; \
		echo '#include <asm/unistd_32.h>' | $(CC) -E -dM - 2>/dev/null | $(CALLS) | sed 's/@/CALL32/'; } > $@
$(O)/src/policy/tracing_name.o $(B)/san/src/policy/tracing_name.o: $(B)/gen/calls.h

# Embedded as they are, so no compiler names them as something it read.
$(O)/src/findings/size_prices.o $(B)/san/src/findings/size_prices.o: src/findings/prices.csv

# What is embedded (base/embed.h) no compiler tells make of.
$(O)/src/report/page.o $(B)/san/src/report/page.o: $(wildcard src/report/page/*)

$(patsubst %.c,$(O)/%.o,$(COLD)): SMALL := -Os

$(O)/%.o: %.c | $(B)/tools
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(BARE) $(SMALL) -c $< -o $@

$(O)/sonde: $(OBJECTS)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $(LEAN) $^ -o $@ $(LIBS)

# --- tests ---

$(B)/san/%.o: %.c | $(B)/tools
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(SAN) -c $< -o $@

$(B)/san/library.a: $(SANITIZED)
	@rm -f $@
	$(call say,ARCHIVE)ar rcs $@ $^

$(B)/test/%_test: $(B)/san/src/%_test.o $(B)/san/library.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(SAN) $^ -o $@ $(LIBS) -lcmocka

# Generated code against what it means, in the kernel.
$(O)/generated: $(O)/tests/generated.o $(LIBRARY)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

# Conditions of filters and policies against the evaluator, in the kernel.
$(B)/tests/filtered: $(B)/san/tests/filtered.o $(B)/san/library.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(SAN) $^ -o $@ $(LIBS)

$(O)/filtered: $(O)/tests/filtered.o $(LIBRARY)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

# Policies beside a command, and what they saw of it.
$(O)/policies: $(O)/tests/policies.o $(LIBRARY)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

# Writes a made-up run of so many processes into a store: build/tests/synthetic STORE PROCESSES
$(B)/tests/synthetic: $(O)/tests/synthetic.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

$(B)/fuzz/%_fuzz: $(B)/san/src/%_fuzz.o $(B)/san/library.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(CFLAGS) $(SAN) $^ -o $@ $(LIBS)

unit: $(UNIT_TESTS) ## unit tests, under address and undefined-behaviour sanitizers
	@tests/unit $(UNIT_TESTS)

e2e: $(O)/sonde $(B)/tests/synthetic $(B)/tests/filtered $(O)/generated $(O)/policies ## end-to-end tests on this kernel (root)
	@tests/e2e/run

vm: ## the kernel matrix in emulated machines; KERNELS="5.10 7"
	@$(MAKE) --no-print-directory STATIC=1 all $(addprefix $(B)/static/,policies filtered generated)
	@tests/vm/run $(KERNELS)

test: ## install what is missing, then all of unit, e2e, vm; PARTS="unit e2e"
	@tests/deps build test
	@MAKE='$(MAKE)' tests/all $(PARTS)

fuzz: $(FUZZERS) ## fuzz the decoder and parsers, FUZZ_SECONDS each
	@for fuzzer in $(FUZZERS); do echo "fuzzing $$fuzzer"; $$fuzzer $(FUZZ_SECONDS) || exit 1; done

bench: $(O)/sonde $(B)/tests/synthetic $(B)/bench/loads $(B)/bench/nothing ## what it costs, beside other tools; BENCH=--quick
	@tests/deps bench
	@bench/run --sonde $(O)/sonde --build $(B)/bench $(BENCH)
	@bench/recording --sonde $(O)/sonde --build $(B)/bench $(filter --quick --no-peers,$(BENCH))
	@bench/network --sonde $(O)/sonde --build $(B)/bench $(filter --quick --no-peers,$(BENCH))
	@bench/page --sonde $(O)/sonde $(filter --quick --json,$(BENCH))

include bench/rules.mk

demo: ## install what is missing, build, record a small real pipeline and explain it
	@tests/deps build demo
	@$(MAKE) --no-print-directory all
	@tests/demo

lint: $(O)/sonde ## static checks
	@tests/lint

# --- around it ---

deps: ## install what the build needs (Debian)
	@tests/deps build

SPLICE = sed -i -e '/<!-- tables -->/,/<!-- end of tables -->/{//!d}' -e '/<!-- tables -->/r $(B)/gen.tables'

docs: $(O)/sonde ## generate docs/events.md, and the tables of docs/kernels.md and docs/store.md
	$(O)/sonde fields --markdown > docs/events.md
	$(O)/sonde doctor --markdown > $(B)/gen.tables
	$(SPLICE) docs/kernels.md
	$(O)/sonde runs --schema > $(B)/gen.tables
	$(SPLICE) docs/store.md
	@rm -f $(B)/gen.tables

install: $(O)/sonde ## DESTDIR, PREFIX
	install -D -m 755 $(O)/sonde $(DESTDIR)$(PREFIX)/bin/sonde
	strip $(DESTDIR)$(PREFIX)/bin/sonde
	@mkdir -p $(O)/gen
	$(O)/sonde --man > $(O)/gen/sonde.8
	$(O)/sonde --completion bash > $(O)/gen/sonde.bash
	$(O)/sonde --completion zsh > $(O)/gen/_sonde
	install -d $(DESTDIR)$(PREFIX)/share/sonde/policies
	install -m 644 policies/*.yaml $(DESTDIR)$(PREFIX)/share/sonde/policies
	install -D -m 644 $(O)/gen/sonde.8 $(DESTDIR)$(PREFIX)/share/man/man8/sonde.8
	install -D -m 644 $(O)/gen/sonde.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sonde
	install -D -m 644 $(O)/gen/_sonde $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sonde

uninstall: ## undo install
	rm -rf $(DESTDIR)$(PREFIX)/share/sonde
	rm -f $(DESTDIR)$(PREFIX)/bin/sonde $(DESTDIR)$(PREFIX)/share/man/man8/sonde.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sonde \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sonde

clean: ## remove build/, keeping downloaded kernels
	find $(B) -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} +

-include $(wildcard $(B)/bpf/*.d $(O)/src/*.d $(O)/src/*/*.d $(O)/tests/*.d $(B)/san/src/*/*.d $(B)/san/tests/*.d)
