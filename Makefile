# SPDX-License-Identifier: GPL-2.0-only
# The whole build, one non-recursive makefile.
#   V=1 shows commands, DEVELOPER=1 adds -Werror, SAN=1 builds with ASan and UBSan.

VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
CC ?= gcc
CLANG ?= clang
STRIP_BPF ?= llvm-strip

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s%s\n' $(1) $(2))

# The multiarch folder, where clang's BPF target must be told to look.
ARCH_INCLUDE := /usr/include/$(shell $(CC) -print-multiarch)

CPPFLAGS += -I. -Iinclude -D_GNU_SOURCE -DVNET_VERSION='"$(VERSION)"'
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wno-unused-parameter -Wno-missing-field-initializers
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(if $(DEVELOPER),-Werror) \
	$(if $(SAN),$(SAN_FLAGS)) -include vnet/banned.h
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LIBS := -lbpf -lelf -lz -lcjson

BPF_TARGET_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
BPF_CFLAGS := -target bpf -mcpu=v2 -O2 -g -Wall -Werror -Wno-unused-function \
	-D__TARGET_ARCH_$(BPF_TARGET_ARCH) -Iinclude -Iprobes

CORE_SRC := $(wildcard core/*.c)
CMD_SRC := $(wildcard cmd/*.c)
BPF_SRC := $(wildcard probes/*.bpf.c)
BPF_OBJ := $(BPF_SRC:probes/%.bpf.c=$(BUILD)/probes/%.bpf.o)
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(BUILD)/%.o)
EMBED_OBJ := $(BUILD)/core/objects.o

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
SAN_CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/san/%.o)
SAN_CMD_OBJ := $(filter-out $(BUILD)/san/cmd/main.o,$(CMD_SRC:%.c=$(BUILD)/san/%.o))

# Objects that only pattern rules name are kept, not made again each time.
.SECONDARY:

.PHONY: all
all: vnetdiag $(if $(DEVELOPER),test-tools)

vnetdiag: $(CMD_OBJ) $(CORE_OBJ) $(EMBED_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/san/%.o: %.c Makefile
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) $(SAN_FLAGS) -include vnet/banned.h -MMD -MP -c -o $@ $<

$(BUILD)/probes/%.bpf.o: probes/%.bpf.c Makefile
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -isystem $(ARCH_INCLUDE) -MMD -MP -c -o $@ $<
	$(Q)$(STRIP_BPF) -g $@

# Embeds every BPF object; core/objects.S lists none by hand.
$(BUILD)/core/objects.o: core/objects.S $(BPF_OBJ) Makefile
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include "core/objects.S"'; \
	   for o in $(BPF_OBJ); do n=$$(basename $$o .bpf.o); \
	   echo "vnet_object $$n, \"$$o\""; done; echo "vnet_objects_end"; } > $(BUILD)/core/objects_all.S
	$(Q)$(CC) -I. -c -o $@ $(BUILD)/core/objects_all.S

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf $(BUILD) vnetdiag

$(BUILD)/unit/%: tests/unit/%.c $(SAN_CORE_OBJ) $(EMBED_OBJ)
	$(call say,UNIT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I. -Iprobes -std=gnu11 -O1 -g $(WARN) -Wno-missing-prototypes $(SAN_FLAGS) -MMD -MP -MF $@.d \
		-o $@ $< $(SAN_CORE_OBJ) $(EMBED_OBJ) $(LIBS)

# --- tests -------------------------------------------------------------------

# Fuzz targets with the seed corpus only; `make fuzz` lets them search.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
SEED_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%.seed)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_SECONDS ?= 60

$(BUILD)/fuzz/%.seed: tests/fuzz/%.c tests/fuzz/seed.c $(SAN_CORE_OBJ) $(EMBED_OBJ)
	$(call say,SEED,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Iprobes -std=gnu11 -O1 -g $(WARN) -Wno-missing-prototypes $(SAN_FLAGS) \
		-o $@ $< tests/fuzz/seed.c $(SAN_CORE_OBJ) $(EMBED_OBJ) $(LIBS)

# clang builds the target and core anew, so that coverage guides the search.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(CORE_SRC) $(EMBED_OBJ)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -Iprobes -include vnet/banned.h -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $< $(CORE_SRC) $(EMBED_OBJ) $(LIBS)

# What makes and takes the packets of the tests. Static: dynamic linking is half
# of such a program's time in the lab.
TEST_TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))

$(BUILD)/tools/%: tests/tools/%.c tests/tools/tool.h Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O2 $(WARN) $(if $(DEVELOPER),-Werror) -include vnet/banned.h \
		-static -s -o $@ $<

.PHONY: test-tools
test-tools: $(TEST_TOOLS)

# What the lab runs beside the program: flows as the decoder writes them.
OVS_FLOWS := $(BUILD)/lab/ovs_flows
OVS_OBJ := $(filter $(BUILD)/core/ovs_%.o,$(CORE_OBJ))

$(OVS_FLOWS): tests/lab/ovs_flows.c $(OVS_OBJ)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(OVS_OBJ)

.PHONY: lab-build
lab-build: vnetdiag $(OVS_FLOWS) $(TEST_TOOLS)

.PHONY: deps check test test-run demo demo-run lint generate check-generated fuzz bench soak

# Installs what is missing; needs root only if something is.
deps:
	$(Q)tests/lib/deps.sh all

# The fast tiers: no root, no lab.
check: vnetdiag $(UNIT_BIN) $(SEED_BIN)
	$(Q)BUILD=$(BUILD) tests/lib/run.sh lint unit fuzz cli offline

# Make is started again after deps: until then there may be no compiler to ask.
test: deps
	$(Q)$(MAKE) test-run

test-run: lab-build $(UNIT_BIN) $(SEED_BIN)
	$(Q)BUILD=$(BUILD) STRICT=$(STRICT) tests/lib/run.sh lint unit fuzz cli offline live lab

demo: deps
	$(Q)$(MAKE) demo-run

demo-run: vnetdiag $(TEST_TOOLS)
	$(Q)tests/lab/lab run --kernel 6.1 --guest --timeout 300 -- tests/lab/demo.sh

lint:
	$(Q)tests/lib/lint.sh

generate: vnetdiag
	$(Q)tests/lib/generate.sh

check-generated: vnetdiag
	$(Q)tests/lib/generate.sh --check

fuzz: $(FUZZ_BIN)
	$(Q)for f in $(FUZZ_BIN); do \
		n=$${f##*/fuzz_}; mkdir -p $(BUILD)/fuzz/corpus/$$n tests/fuzz/corpus/$$n; \
		$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			$(BUILD)/fuzz/corpus/$$n tests/fuzz/corpus/$$n || exit 1; \
	done

# What the costs are compared with; part of no program.
BENCH := $(BUILD)/bench/attach $(BUILD)/bench/empty.bpf.o $(BUILD)/bench/lru.bpf.o

$(BUILD)/bench/%.bpf.o: tests/bench/%.bpf.c Makefile
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -isystem $(ARCH_INCLUDE) -MMD -MP -c -o $@ $<

$(BUILD)/bench/attach: tests/bench/attach.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< -lbpf

.PHONY: bench-build
bench-build: vnetdiag $(BENCH) $(TEST_TOOLS)

# Costs in the lab, then a minute of fuzzing for each parser.
bench: bench-build
	$(Q)BUILD=$(BUILD) tests/bench/run.sh
	$(Q)$(MAKE) fuzz

# Ten minutes of mixed traffic in the lab (SOAK_SECONDS, SOAK_KERNEL, SOAK_GUEST).
soak: lab-build
	$(Q)tests/bench/soak.sh

# --- installation ------------------------------------------------------------

MAN := $(wildcard man/*.8)
share := $(DESTDIR)$(PREFIX)/share

.PHONY: install uninstall static
install: vnetdiag $(if $(DEVELOPER),test-tools)
	install -D -m 755 vnetdiag $(DESTDIR)$(PREFIX)/sbin/vnetdiag
	for m in $(MAN); do install -D -m 644 $$m $(share)/man/man8/$${m##*/} || exit 1; done
	install -D -m 644 completions/vnetdiag.bash $(share)/bash-completion/completions/vnetdiag
	install -D -m 644 completions/_vnetdiag $(share)/zsh/site-functions/_vnetdiag
	install -D -m 644 completions/vnetdiag.fish $(share)/fish/vendor_completions.d/vnetdiag.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/vnetdiag $(MAN:man/%=$(share)/man/man8/%)
	rm -f $(share)/bash-completion/completions/vnetdiag $(share)/zsh/site-functions/_vnetdiag
	rm -f $(share)/fish/vendor_completions.d/vnetdiag.fish

# One file that needs nothing of the host. Debian has no static cJSON: a script
# builds it from Debian's source.
vnetdiag-static: $(CMD_OBJ) $(CORE_OBJ) $(EMBED_OBJ)
	$(call say,LINK,$@)
	$(Q)dir=$$(tests/lib/cjson_static.sh) && \
		$(CC) $(ALL_CFLAGS) $(LDFLAGS) -static -o $@ $^ -L$$dir $(LIBS)
static: vnetdiag-static
