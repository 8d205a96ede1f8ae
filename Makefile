# artui: build, run, test. `make help` lists the targets.
#
#   make run ARGS="--headless --overnight --rounds 3"   set up a fresh Debian 12, build, start
#   make check                                          the one test command
#
# BUILD=dir keeps several builds apart; SAN=address,undefined or SAN=thread adds sanitizers;
# V=1 shows the commands; CC=clang works as well as gcc.

BUILD ?= build/release
PREFIX ?= /usr/local
DESTDIR ?=
CC = gcc
SAN ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
MAKEFLAGS += --no-builtin-rules

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1)
NVCC := $(firstword $(wildcard /usr/local/cuda/bin/nvcc) $(shell command -v nvcc 2>/dev/null))

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(WERROR) -I. -D_GNU_SOURCE= -pthread -fno-omit-frame-pointer \
	-fstack-protector-strong $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all,-D_FORTIFY_SOURCE=2) \
	-DART_VERSION='"$(VERSION)"' -DART_DATADIR='"$(PREFIX)/share/artui"'
LDFLAGS_ALL = -pthread $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

STORE_SRC := $(wildcard store/*.c)
CORE_SRC := $(wildcard core/*.c core/*/*.c)
SCREEN_SRC := $(wildcard tui/screen/*.c)
CLI_SRC := $(wildcard tui/cli/*.c)
SERVE_SRC := $(wildcard worker/serve/*.c)
TRAIN_SRC := $(filter-out worker/train/main.c,$(wildcard worker/train/*.c))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
TOOL_SRC := $(filter-out tests/fault/pay_shim.c,$(wildcard tests/screens/*.c tests/fault/*.c tests/interop/*.c \
	tests/bench/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBS = $(BUILD)/libscreen.a $(BUILD)/libserve.a $(BUILD)/libcore.a $(BUILD)/libtrain.a $(BUILD)/libstore.a
SYS_STORE = -lsqlite3 -lcjson -lcrypto
SYS_ALL = -linih -lncursesw -ltinfo -lcurl -lsecp256k1 -lseccomp -lmicrohttpd $(SYS_STORE) -lm

UNITS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
REPLAYS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/replay_%,$(FUZZ_SRC))
TOOLS := $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(TOOL_SRC)))

.PHONY: all run check check-fast check-fault check-tsan lint bench fuzz install uninstall clean help \
	deb-deps deb-deps-test deb-deps-bench programs tools units replays cuda-note
all: cuda-note programs
programs: $(BUILD)/artui $(BUILD)/artui-train
tools: $(TOOLS)
units: $(UNITS)
replays: $(REPLAYS)

cuda-note:
	@$(if $(NVCC),echo "cuda: $(NVCC) found; this version trains on the CPU",echo "cuda: not found; the trainer is built for the CPU")

# ---- compiling -------------------------------------------------------------------------------

# Kernels are compiled once per instruction set and chosen at run time by feature bits.
AVX2 = -mavx2 -mfma
AVX512 = $(AVX2) -mavx512f -mavx512bw -mavx512vl -mavx512dq
isa = $(if $(filter %_avx2.c,$<),$(AVX2))$(if $(filter %_avx512.c,$<),$(AVX512))$(if \
	$(filter %_avx512bf16.c,$<),$(AVX512) -mavx512bf16)$(if \
	$(filter %_avx512fp16.c,$<),$(AVX512) -mavx512fp16)$(if \
	$(filter %_amx.c,$<),$(AVX512) -mavx512bf16 -mamx-tile -mamx-bf16)

$(BUILD)/obj/worker/train/%.o: worker/train/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) -O3 -fopenmp $(isa) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libstore.a: $(call obj,$(STORE_SRC))
$(BUILD)/libcore.a: $(call obj,$(CORE_SRC))
$(BUILD)/libscreen.a: $(call obj,$(SCREEN_SRC))
$(BUILD)/libserve.a: $(call obj,$(SERVE_SRC))
$(BUILD)/libtrain.a: $(call obj,$(TRAIN_SRC))
$(BUILD)/lib%.a:
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/artui: $(call obj,tui/main.c $(CLI_SRC)) $(BUILD)/libscreen.a $(BUILD)/libserve.a $(BUILD)/libcore.a $(BUILD)/libstore.a
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYS_ALL)
$(BUILD)/artui-train: $(call obj,worker/train/main.c) $(BUILD)/libtrain.a $(BUILD)/libstore.a
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -fopenmp -o $@ $^ $(SYS_STORE) -lm

# Every test, bench and tool is one source file linked with the libraries it uses.
LINK_TEST = $(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS_ALL) -fopenmp -MMD -MP -MF $@.d -o $@ $< \
	$(2) $(if $(findstring cli,$@),$(call obj,$(CLI_SRC))) -Wl,--start-group $(LIBS) -Wl,--end-group $(1) $(SYS_ALL)
$(BUILD)/tests/test_%: tests/unit/test_%.c $(LIBS) $(call obj,$(CLI_SRC))
	$(if $(Q),@echo "  TEST  $@")
	$(call LINK_TEST,-lcmocka)
# A driver library for machines without a driver, whole and with parts missing.
$(BUILD)/tests/test_gpu: $(BUILD)/tests/fake_nvml_old.so $(BUILD)/tests/fake_nvml_bare.so
$(BUILD)/tests/test_gpu $(BUILD)/tests/test_runner: $(BUILD)/tests/fake_nvml.so
$(BUILD)/tests/fake_nvml%so: tests/unit/fake_nvml.c
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -O1 -g $(WARN) $(WERROR) -shared -fPIC -DFAKE$(subst .,,$*) -o $@ $<
define tool_rule
$(BUILD)/tests/$(basename $(notdir $(1))): $(1) $(LIBS)
	$$(if $$(Q),@echo "  TOOL  $$@")
	$$(call LINK_TEST,)
endef
$(foreach s,$(TOOL_SRC),$(eval $(call tool_rule,$(s))))
$(BUILD)/tests/replay_%: tests/fuzz/%.c tests/fuzz/replay.c $(LIBS)
	$(if $(Q),@echo "  TEST  $@")
	$(call LINK_TEST,,tests/fuzz/replay.c)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- running ---------------------------------------------------------------------------------

run: deb-deps
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	@exec $(BUILD)/artui $(ARGS)

deb-deps:
	@tests/deb-deps.sh run
deb-deps-test:
	@tests/deb-deps.sh run test
deb-deps-bench:
	@tests/deb-deps.sh run test bench

install: programs
	install -D -m 755 $(BUILD)/artui $(DESTDIR)$(PREFIX)/bin/artui
	install -D -m 755 $(BUILD)/artui-train $(DESTDIR)$(PREFIX)/bin/artui-train
	for m in man/*.[15]; do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/artui/themes themes/*.theme
	install -D -m 644 tui/artui.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/artui
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/artui packaging/Dockerfile.worker
	sed 's|@PREFIX@|$(PREFIX)|' packaging/artui-worker.service >$(DESTDIR)$(PREFIX)/share/artui/artui-worker.service
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/artui $(DESTDIR)$(PREFIX)/bin/artui-train \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/artui
	for m in man/*.[15]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(DESTDIR)$(PREFIX)/share/artui

# ---- testing ---------------------------------------------------------------------------------

check: deb-deps-test
	@MAKE="$(MAKE)" tests/check.sh all
check-fast:
	@MAKE="$(MAKE)" tests/check.sh fast
check-fault:
	@MAKE="$(MAKE)" tests/check.sh fault
check-tsan:
	@MAKE="$(MAKE)" tests/check.sh tsan
lint:
	@tests/lint.sh
bench: deb-deps-bench programs tools
	@BIN=$(BUILD) tests/bench/run.sh
fuzz: deb-deps-test
	@MAKE="$(MAKE)" tests/fuzz/run.sh

clean:
	rm -rf build
help:
	@echo "all run check check-fast check-fault check-tsan lint bench fuzz install uninstall clean deb-deps"
