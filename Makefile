# The only build file. Adapters, workloads and tests are found, never listed.
#
#: make          build the driver, build/spanbench, and a cell for each allocator that is here
#: make bench    install what is missing, build, measure; table, and plots in results/latest/plots
#:     QUICK=1                  under a minute
#:     ALLOCATORS="a b"         WORKLOADS="tiny small large"   THREADS="1 2 4"   (default: all)
#:     PRELOAD=./libfoo.so      also measure any malloc library, without a line of code
#:     REPS=n SEED=n TIMEOUT=s  OUT=dir   ARGS="--benchmark_filter=^small/"
#: make test     install what is missing, build, run the project's own tests
#:     TEST="harness/test_plan scripts/test_table.py"   some of them
#: make lint     formatters and static analysis (ci/lint.sh)
#: make clean    remove build/; results stay
#: DEPS=skip     with any of them: install nothing
#: B=dir CC=clang CFLAGS=… V=1   build elsewhere or otherwise; show the commands
#
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-builtin-rules --no-print-directory

B   ?= build
CC   = cc
CXX  = c++
ARCH := $(shell uname -m)

CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
# Messages for people may be cut at the end of their buffer: no -Wformat-truncation.
WARN     := -Wall -Wextra -Wshadow -Werror -Wno-format-truncation -Wno-unknown-warning-option
# -fno-builtin-…: a compiler may drop or merge calls of malloc and free that it recognises.
# -fno-lto: it would inline the allocators of this repository and none of the rivals.
C_FLAGS   = -std=gnu17 -D_GNU_SOURCE $(WARN) -Wstrict-prototypes -Wmissing-prototypes -fPIE -fno-lto \
            -fno-builtin-malloc -fno-builtin-free -fno-builtin-calloc -fno-builtin-realloc \
            -pthread $(CFLAGS)
CXX_FLAGS = -std=c++17 $(WARN) -fPIE -DNDEBUG $(CXXFLAGS)
# The dependency directions: a folder sees what it may include and nothing else.
include_allocators   := -Iallocators
include_workloads    := -Iworkloads -Iallocators -I$B
include_harness/cell := -Iharness/cell -Iworkloads -Iallocators -I$B
include_harness      := -Iharness -I$B
# Of the longest folder above that a path begins with; tests also see the harness's tap.h.
include = $(include_$(firstword $(foreach d,allocators workloads harness/cell harness,\
            $(if $(filter $d/%,$1),$d)))) $(if $(findstring /test_,$1),-Iharness)

# One short line a command; V=1 shows the commands.
say = $(if $V,,@echo '  $1 $@';)

# --- what is there --------------------------------------------------------------------------------
names      = $(patsubst $1/%.c,%,$(sort $(filter-out $1/test_%,$(wildcard $1/*.c))))
objects    = $(patsubst %,$B/$1/%.o,$(call names,$1))
ALLOCATORS_FOUND := $(call names,allocators)
FAULTY_FOUND     := $(call names,allocators/faulty)
WORKLOADS_FOUND  := $(call names,workloads)

# The value of a comment key at the head of an adapter (allocators/allocator.h).
key     = $(shell sed -n 's/^[ /]\*[ *]*$2: *//p;/\*\//q' allocators/$1.c)
# The library of an adapter: a path, expanded, or a name that the compiler finds. Empty: not there.
find    = $(filter /%,$(if $(filter /%,$1),$(lastword $(sort $(wildcard $1))),\
            $(shell command -v $(CC) >/dev/null && $(CC) -print-file-name=$1)))
define inspect
LIBRARY_$1 := $(call key,$1,library)
CFLAGS_$1  := $(call key,$1,cflags)
PATH_$1     = $$(call find,$$(subst @ARCH@,$(ARCH),$$(LIBRARY_$1)))
FOUND_$1   := $$(if $$(LIBRARY_$1),$$(PATH_$1),in-cell)
endef
$(foreach a,$(ALLOCATORS_FOUND) $(FAULTY_FOUND:%=faulty/%),$(eval $(call inspect,$a)))
HAVE := $(foreach a,$(ALLOCATORS_FOUND),$(if $(FOUND_$a),$a))
SKIP := $(filter-out $(HAVE),$(ALLOCATORS_FOUND))

# --- build ----------------------------------------------------------------------------------------
CELL_OBJECTS   := $(call objects,harness/cell) $(call objects,workloads)
DRIVER_OBJECTS := $(call objects,harness) $B/harness/gbench.o
DRIVER_LIBS     = -lbenchmark -ljansson

all: $B/spanbench $(HAVE:%=$B/cell/%) registry

$B/spanbench: $(DRIVER_OBJECTS)
	$(call say,LINK)$(CXX) $(LDFLAGS) -pie -o $@ $^ $(DRIVER_LIBS)

# A cell is linked the way that users link the allocator.
# $1: the executable, $2: the adapter, $3: the rest
define cell
$1: $B/allocators/$2.o $(call objects,allocators/$2) $3
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) $$(LDFLAGS) -pie -pthread -o $$@ $$^ $$(filter /%,$$(FOUND_$2)) \
	  $$(patsubst %/,-Wl$$(,)-rpath$$(,)%,$$(dir $$(filter /usr/lib/llvm% /opt/% /home/%,$$(FOUND_$2))))
endef
, := ,
$(foreach a,$(HAVE),$(eval $(call cell,$B/cell/$a,$a,$(CELL_OBJECTS))))
$(foreach a,$(FAULTY_FOUND),$(eval $(call cell,$B/faulty/$a,faulty/$a,$(CELL_OBJECTS))))

# The registry is the directory: no cell without a source, and a reason where one cannot be built.
registry: | $(HAVE:%=$B/cell/%)
	@for f in $B/cell/*; do case " $(HAVE) " in *" $${f##*/} "*) ;; *) rm -f "$$f";; esac; done
	@$(foreach a,$(SKIP),echo '$(LIBRARY_$a) is not there; install $(call key,$a,package)' >$B/cell/$a.skip;)
	@$(foreach a,$(SKIP),echo 'skipped: $a: '"$$(cat $B/cell/$a.skip)";)

# --- tests ----------------------------------------------------------------------------------------
TEST_NAMES     := $(patsubst %.c,%,$(sort $(filter-out %/test_contract.c,\
                  $(wildcard harness/test_*.c harness/cell/test_*.c workloads/test_*.c \
                    allocators/*/test_*.c))))
TEST_CONTRACTS := $(HAVE:%=$B/test/contract/%)
TEST_PROGRAMS  := $(TEST_NAMES:%=$B/test/%) $(TEST_CONTRACTS)
TEST_SCRIPTS   := $(sort $(wildcard */test_*.py))

# What a test of a folder is linked with: the parts beside it.
parts_harness      = $(filter-out %/spanbench.o,$(DRIVER_OBJECTS))
parts_harness/cell = $(filter-out %/cell.o,$(call objects,harness/cell))
parts_workloads    = $(call objects,workloads)
define test_program
$B/test/$1: $B/$1.o $$(parts_$(patsubst %/,%,$(dir $1)))
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CXX) $$(LDFLAGS) -pie -pthread -o $$@ $$^ $$(DRIVER_LIBS) -lm
endef
$(foreach t,$(TEST_NAMES),$(eval $(call test_program,$t)))
$(foreach a,$(HAVE),$(eval $(call cell,$B/test/contract/$a,$a,$B/harness/cell/test_contract.o \
  $(filter-out %/cell.o,$(CELL_OBJECTS)))))
$B/workloads/test_workloads.o: $B/workloads.inc

tests: all $(TEST_PROGRAMS) $(FAULTY_FOUND:%=$B/faulty/%)

# --- rules ----------------------------------------------------------------------------------------
$B/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(C_FLAGS) $(call include,$<) $(CFLAGS_$(patsubst allocators/%,%,$*)) -DBUILD='"$B"' -MMD -MP -c -o $@ $<

$B/%.o: %.cc
	@mkdir -p $(@D)
	$(call say,CXX )$(CXX) $(CXX_FLAGS) $(call include,$<) -MMD -MP -c -o $@ $<

# Generated headers, renewed only when their text changes.
renew = @mkdir -p $(@D); printf '%b' $1 >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$B/harness/cell/cell.o: $B/workloads.inc
$B/workloads.inc: FORCE
	$(call renew,'$(foreach w,$(WORKLOADS_FOUND),W($w)\n)')
$B/harness/document.o: $B/version.h
$B/version.h: FORCE
	$(call renew,"#define SPANBENCH_VERSION \"$$(git describe --always --dirty 2>/dev/null || echo unknown)\"\n")

-include $(shell find $B -name '*.d' 2>/dev/null)

# --- what people run ------------------------------------------------------------------------------
# $1: bench or test
deps = $(if $(filter skip,$(DEPS)),,@scripts/deps.sh $1)
jobs = -j$(shell nproc 2>/dev/null || echo 1)

OUT ?= results
BENCH_OPTIONS = $(if $(QUICK),--quick) --out '$(OUT)' \
  $(if $(ALLOCATORS),--allocators '$(ALLOCATORS)') $(if $(WORKLOADS),--workloads '$(WORKLOADS)') \
  $(if $(THREADS),--threads '$(THREADS)') $(if $(REPS),--repetitions '$(REPS)') \
  $(if $(SEED),--seed '$(SEED)') $(if $(TIMEOUT),--timeout '$(TIMEOUT)') \
  $(foreach p,$(PRELOAD),--preload '$p') $(ARGS)

# Table and plots also of a run in which samples failed (exit code 1), then its exit code.
bench:
	$(call deps,bench)
	@$(MAKE) $(jobs) all
	@$B/spanbench run $(BENCH_OPTIONS); code=$$?; [ $$code -le 1 ] || exit $$code; \
	  scripts/table.py '$(OUT)/latest' && scripts/plot.py '$(OUT)/latest' && exit $$code

# TEST='harness/test_spawn scripts/test_table.py' runs some of them.
test:
	$(call deps,test)
	@$(MAKE) $(jobs) tests
	@prove --timer --exec scripts/run-test $(if $(TEST),$(TEST),$(TEST_PROGRAMS:$B/test/%=%) $(TEST_SCRIPTS))

lint:
	$(call deps,test)
	@ci/lint.sh

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

clean:
	rm -rf $B

.PHONY: all registry tests bench test lint help clean FORCE
.SECONDARY:
