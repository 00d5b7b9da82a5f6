# The only build file. Adapters, workloads and tests are found, never listed.
#
#: make              build the driver, build/spanbench, and a cell for each allocator that is here
#: make bench        install what is missing, build, measure; the answer and plots of the run
#:     QUICK=1                  under a minute
#:     ALLOCATORS="a b"         THREADS="1 2 4"   (default: all)
#:     ALLOCATORS="system system:MALLOC_ARENA_MAX=2 jemalloc:dirty_decay_ms=0"   with options, as their own rows
#:     GROUP="core threads"     groups of workloads, or all   WORKLOADS="tiny larson"   by name
#:     PRELOAD=./libfoo.so      also measure any malloc library, without a line of code
#:     REPS=n SEED=n TIMEOUT=s  OUT=dir   ARGS="--benchmark_filter=^small/"
#:     SIZES=file|lognormal:MEDIAN,SIGMA   sizes of the requests, such as your program's (workloads/README.md)
#:     LONG_REST=60             of GROUP=memory: what is still resident a minute after the end
#:     THP=never|madvise|always transparent huge pages, as far as the kernel can
#:     RIVALS=1                 also the newer builds that make rivals fetched (so for check, harden)
#: make table        all numbers of a run; make answer: its answer again
#:     ARGS=--format=csv        as text, markdown, csv or json
#: make report       the page of a run, report.html in its folder: for a browser, without a network
#:     RUN=results              one page of the latest run of each kind
#:     RUN=results/example      any of the three of this run (default: the latest of results/, or of OUT=dir)
#: make compare A=run B=run      what changed from one run of make bench to another, as a page
#:     ALLOCATORS="a b"         these alone: of fewer rows, a single change is told by fewer rounds
#: make check        conformance: every promise of malloc on every allocator
#:     ALLOCATORS="a b"         PRELOAD=./libfoo.so        PROFILE=c17|c23|posix2024|glibc|cxx17
#:     CHECKS="fork.* realloc.*" SEED=n  TIMEOUT=s  OUT=dir  ARGS="--tap --verbose"
#: make check-whole  all inputs that checks generate, of which make check tries a sample; says how long it took
#: make check-tsan   memory orders: the allocators that are built here and cross_thread.* under ThreadSanitizer
#: make check-releases  the checks on every release that the suites of apt's mirror have; goes on where it was
#:     interrupted           ALLOCATORS="mimalloc system"  SUITES="trixie sid"  CHECKS="fork.*"  OUT=dir
#: make harden       hardening: what each allocator makes of misuses, a matrix of rates
#:     ALLOCATORS="a b"         PRELOAD=./libfoo.so        RUNS=k of each (default 5)
#:     MISUSES="double_free.*"  SIZES="tiny small large"   SEED=n TIMEOUT=s OUT=dir ARGS=--verbose
#: make rivals       fetches newer builds of the allocators from newer suites of apt's mirror; installs nothing
#: make try CMD='…'      your command under each allocator: time, CPU time, peak memory, and what differs
#:     ALLOCATORS="a b"         PRELOAD=./libfoo.so        RUNS=n SEED=n TIMEOUT=s OUT=dir
#:     ARGS="--same-output"     build/spanbench try --help says all
#: make why CMD='…'      is its memory a leak, fragmentation, or kept by the allocator?
#:     ALLOCATORS=a or PRELOAD=./libfoo.so   OUT=dir   ARGS="--seconds=60"
#: make heap         what lies at which address after each phase of a workload, and what pins memory: a page
#:     ALLOCATORS="a b"         WORKLOADS="footprint survivors"   THREADS=1 SEED=n OUT=dir
#: make bench-programs   real programs under each allocator: time and peak memory (workloads/programs/)
#:     QUICK=1 PROGRAMS="redis gcc" ALLOCATORS="a b" PRELOAD=./libfoo.so RUNS=n SEED=n TIMEOUT=s OUT=dir
#: make gate         is this tree's gomalloc worse than the main branch's?
#:     BASE=ref HEAD=ref        or libraries, BASE=./liba.so, or allocators, BASE=mimalloc
#:     QUICK=1                  a minute or two (8 without it), longer on a busy machine; only large changes are found
#:     TIER=exact|timed|all     WORKLOADS="tiny small" THREADS="1 2" SEED=n TIMEOUT=s OUT=dir
#:     ARGS="--strict --judge results/latest-gate"   build/spanbench gate --help says all
#: make fleet        make bench on the nodes of a cluster, through Slurm (scripts/fleet/README.md)
#:     BATCH=n AT_ONCE=n        rounds of a task, tasks at a time; SBATCH="--partition=big"; all that make bench has
#:     UNSHARED=/tmp            the nodes share no folder: all goes through this one of each
#:     DO=status RUN=folder     or submit, collect, cancel (default: submit, wait and collect)
#:     WORK=check|harden|gate|try|programs   make check, harden, gate, try, bench-programs there
#:     UNSHARED=/tmp            nodes share no folder: the bundle goes to this folder of each, and parts come back
#: make baseline     count this tree's gomalloc anew: what CI compares with (results/baseline.json)
#: make history      what the counts were over the commits: records this one, draws all (a page, too), prints the changes
#:     COMMITS="HEAD~20..HEAD"  record these instead: commits, or ranges of those that changed gomalloc
#:     KEEP=1                   record in results/history.jsonl, to be committed; git ignores what else is recorded
#:     ARGS="--row small/threads:1 --metric instructions"    scripts/history.py --help says all
#: make gate-proof   hours: can the gate be relied on? Goes on where it was interrupted
#:     ARGS="--part exact"      ARGS=--summary   /usr/bin/python3 scripts/gate_proof/proof.py --help
#: make test         install what is missing, build, run the project's own tests: four minutes
#: make test-all     those and the slow ones, with the mutants: do the tests notice what is broken by hand?
#:     TEST="harness/core/test_plan scripts/test_table.py"   some of them
#:     JOBS=n                   so many at once (default: one more than there are CPUs, at most 3)
#:     SANITIZERS=              those of an allocator's folder without sanitisers (asan, tsan)
#: make test-slow    the slow ones alone; of a program in C, all of it
#:     MINUTES=30               nothing more is begun then; what is left out is counted, and is another part each time
#: make stress       a long campaign of the allocators that are built here (OPS=25000000 a thread count)
#: make lint         formatters and static analysis (ci/lint.sh)
#: make install      spanbench, the libraries that are built here, their headers and manuals; as root, after make
#:     PREFIX=/usr/local        LIBDIR=lib (below PREFIX)   DESTDIR=dir to stage a package
#: make uninstall    removes what make install put there, with the same three
#: make clean        remove build/; results stay
#: DEPS=skip         with any of them: install nothing
#: B=dir V=1         build elsewhere; show the commands
#: CC=clang CXX=clang++ CFLAGS=… CXXFLAGS=… LDFLAGS=…   build otherwise
#: WERROR=           warnings of a compiler that this was not tried with are not errors
#
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-builtin-rules --no-print-directory

# What the scripts that make calls read from their environment: plain data, which neither make nor a
# shell reads.
DATA_VARIABLES := DO WORK BATCH AT_ONCE CPUS SBATCH UNSHARED QUICK ALLOCATORS WORKLOADS GROUP THREADS REPS SEED TIMEOUT PRELOAD OUT ARGS CHECKS PROFILE \
  RIVALS THP LONG_REST MINUTES MISUSES SIZES RUNS CMD A BASE HEAD TIER COMMITS KEEP RUN PROGRAMS CORE
$(foreach v,$(DATA_VARIABLES),$(if $(filter undefined,$(origin $v)),,\
  $(eval override export $v := $$(value $v))))

# A misspelt DEPS=skip would install packages. $1: the name of a list, $2: the words that it may have
only = $(if $(filter-out $2,$($1)),$(error spanbench: $1 takes '$2', not '$($1)'; or leave it out))
$(call only,DEPS,skip)
$(if $(filter history,$(MAKECMDGOALS)),$(call only,KEEP,1 yes 0 no))

B ?= build
export B
# Two that build in one folder at once wait for each other. What people run calls make to build, or builds
# nothing, and is not kept waiting itself. Who is called by a make that holds the lock has it.
COMMANDS := rivals table answer report compare bench bench-programs try why check check-whole check-tsan check-releases harden gate gate-proof fleet baseline history test test-all test-slow lint install uninstall
ifneq ($(filter-out $(COMMANDS) include-paths help,$(or $(MAKECMDGOALS),all)),)
ifneq ($(SPANBENCH_LOCK),$(CURDIR)/$B)
export SPANBENCH_LOCK := $(CURDIR)/$B
cannot_build := $(shell scripts/lock-build.sh '$(subst ','\'',$B)' $$PPID)
$(if $(cannot_build),$(error $(cannot_build)))
endif
endif
ifeq ($(origin CC),default)
CC := cc
endif
ifeq ($(origin CXX),default)
CXX := c++
endif
ARCH := $(shell uname -m)

CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
WERROR   ?= -Werror
# Messages for people may be cut at the end of their buffer: no -Wformat-truncation.
WARN     := -Wall -Wextra -Wshadow $(WERROR) -Wno-format-truncation -Wno-unknown-warning-option
# -fno-builtin-…: a compiler may drop or merge calls of malloc and free that it recognises.
# -fno-lto: it would inline the allocators of this repository and none of the rivals.
C_ALWAYS  = -std=gnu17 -D_GNU_SOURCE $(WARN) -Wstrict-prototypes -Wmissing-prototypes -fno-lto \
            -fno-builtin-malloc -fno-builtin-free -fno-builtin-calloc -fno-builtin-realloc -pthread
C_FLAGS   = $(C_ALWAYS) -fPIE $(CFLAGS)
# Of an allocator that is built here. initial-exec: as rivals do, it is linked or preloaded, never
# opened by dlopen. -ffile-prefix-map: the same sources give the same library wherever they are built.
LIB_FLAGS = $(C_ALWAYS) -ffile-prefix-map=$(call quote,$(CURDIR))=. -fPIC -ftls-model=initial-exec -fvisibility=hidden -O2 $(CFLAGS)
CXX_FLAGS = -std=c++17 $(WARN) -fPIE -DNDEBUG $(CXXFLAGS)
# The dependency directions: a folder sees what it may include and nothing else.
include_allocators        := -Iallocators
include_allocators/faulty := -Iallocators/faulty -Iallocators
include_allocators/faulty/bench := -Iallocators/faulty/check -Iallocators/faulty/memory -Iallocators/faulty -Iallocators
include_workloads/timed   := -Iworkloads/timed -Iworkloads/shared -Iallocators -I$B
include_workloads/checks  := -Iworkloads/checks -Iworkloads/checks/support -Iworkloads/shared -Iallocators
include_workloads/shared  := -Iworkloads/shared -Iallocators
include_workloads/misuses := -Iworkloads/misuses -Iworkloads/shared -Iallocators
include_harness/cell      := -Iharness/cell -Iworkloads/timed -Iworkloads/checks -Iworkloads/misuses \
                             -Iworkloads/checks/support -Iworkloads/shared -Iallocators -I$B
include_harness/support   := -Iharness/support
include_harness/core      := -Iharness/core -Iharness/support -I$B
include_harness/serving   := -Iharness/serving -Iharness/support
# A command's room does not see another's.
include_harness/bench     := -Iharness/bench -Iharness/core -Iharness/support
include_harness/check     := -Iharness/check -Iharness/core -Iharness/support
include_harness/harden    := -Iharness/harden -Iharness/core -Iharness/support
include_harness/who       := -Iharness/who -Iharness/serving -Iharness/support
include_harness/try       := -Iharness/try -Iharness/serving -Iharness/core -Iharness/support
include_harness/why/counter := -Iharness/why/counter
include_harness/why       := -Iharness/why -Iharness/why/counter -Iharness/serving -Iharness/core -Iharness/support
include_harness           := -Iharness -Iharness/bench -Iharness/check -Iharness/harden -Iharness/who -Iharness/try -Iharness/why \
                             -Iharness/core -Iharness/support
# Of the longest folder above that a path begins with; tests also see the harness's tap.h.
rooms   = workloads/timed workloads/shared workloads/checks workloads/misuses allocators/faulty/bench allocators/faulty allocators \
          $(addprefix harness/,cell support serving core bench check harden who try why/counter why) harness
include = $(include_$(firstword $(foreach d,$(rooms),$(if $(filter $d/%,$1),$d)))) $(for_test)
for_test = $(if $(findstring /test_,$1),-Iharness/test)

# One short line a command; V=1 shows the commands.
say   = $(if $V,,@echo '  $1 $@';)
# As one word of a shell.
quote = '$(subst ','\'',$1)'

# --- what is there --------------------------------------------------------------------------------
names      = $(patsubst $1/%.c,%,$(sort $(filter-out $1/test_%,$(wildcard $1/*.c))))
objects    = $(patsubst %,$B/$1/%.o,$(call names,$1))
ALLOCATORS_FOUND := $(call names,allocators)
FAULTY_FOUND     := $(patsubst allocators/%.c,%,$(sort $(wildcard allocators/faulty/*/*.c)))
FAULTY_CELLS     := $(addprefix $B/faulty/,$(notdir $(FAULTY_FOUND)))
# A workload is a file of this room, or of a folder in it.
TIMED_ROOMS      := workloads/timed $(patsubst %/,%,$(sort $(wildcard workloads/timed/*/)))
WORKLOADS_FOUND  := $(foreach d,$(TIMED_ROOMS),$(call names,$d))
TIMED_OBJECTS     = $(foreach d,$(TIMED_ROOMS),$(call objects,$d))

# The comment keys at the head of the adapters (allocators/allocator.h), as KEY_<adapter>_<key>, all
# read by one process; newlines do not pass through $(shell).
define newline


endef
read_keys = { scripts/adapter-keys || echo @failed@; } | \
  sed -n 's/[$$]/$$$$/g; s/[\#]/\\\#/g; s/^\([^ ]*\) \(library\|package\|cflags\|built-from\) /KEY_\1_\2 := /; \
    s/^KEY_.*/&@newline@/p; s/^@failed@$$/$$(error no adapter is read; the reason stands above)/p'
$(eval $(subst @newline@,$(newline),$(shell $(read_keys))))
key = $(KEY_$1_$2)

# LIBRARY_<adapter>: the file to link with; empty: none, or it is not there.
# A path is expanded, a name is what the compiler finds, `built-from` says what is built here.
expand = $(lastword $(sort $(wildcard $1)))
search = $(filter /%,$(shell $(CC) -print-file-name=$(call quote,$1) 2>/dev/null))
find   = $(if $(findstring /,$1),$(call expand,$1),$(if $1,$(call search,$1)))
define inspect
FOLDER_$1  := $(firstword $(call key,$1,built-from))
LIBRARY_$1 := $(if $(call key,$1,built-from),$B/lib$1.so,\
                $(call find,$(subst @ARCH@,$(ARCH),$(call key,$1,library))))
endef
$(foreach a,$(ALLOCATORS_FOUND) $(FAULTY_FOUND),$(eval $(call inspect,$a)))
HAVE  := $(foreach a,$(ALLOCATORS_FOUND),$(if $(call key,$a,library),$(if $(LIBRARY_$a),$a),$a))
SKIP  := $(filter-out $(HAVE),$(ALLOCATORS_FOUND))
BUILT := $(foreach a,$(HAVE),$(if $(FOLDER_$a),$a))
# VERSION_<adapter>: of what is built here, as its public header says (…_VERSION "1.2.3"); empty: it
# does not say, and its library has no version in its name.
read_version = $(shell sed -n 's/^.define [A-Z_]*_VERSION "\([0-9][0-9.]*\)"$$/\1/p' \
  allocators/$(FOLDER_$1)/$(FOLDER_$1).h 2>/dev/null)
$(foreach a,$(BUILT),$(eval VERSION_$a := $(call read_version,$a)))
soname = lib$1.so$(if $(VERSION_$1),.$(firstword $(subst ., ,$(VERSION_$1))))

# Newer builds of the libraries, that scripts/rivals.sh unpacked: RIVAL_<name>, the adapter of each, and
# LIBRARY_<name>.
RIVALS_FOUND := $(patsubst $B/rivals/%/rival.mk,%,$(wildcard $B/rivals/*/rival.mk))
-include $(RIVALS_FOUND:%=$B/rivals/%/rival.mk)

# --- build ----------------------------------------------------------------------------------------
CHECK_OBJECTS  := $(foreach d,shared checks checks/support misuses misuses/support,$(call objects,workloads/$d))
CELL_OBJECTS   := $(call objects,harness/cell) $(TIMED_OBJECTS) $(CHECK_OBJECTS)
DRIVER_ROOMS   := support serving core bench check harden who try why
DRIVER_OBJECTS := $(foreach d,harness $(DRIVER_ROOMS:%=harness/%),$(call objects,$d)) $B/harness/bench/gbench.o
DRIVER_LIBS     = -lbenchmark -ljansson

all: $B/spanbench $B/libspanbench-why.so $B/known-failures.json $B/tunings.json $B/stacks $B/plugin.so $(HAVE:%=$B/cell/%) \
  $(RIVALS_FOUND:%=$B/rivals/cell/%) $(BUILT:%=$B/lib%.a) registry
	@touch $B/stamp/all

$B/known-failures.json: allocators/known-failures.json
	@mkdir -p $(@D)
	$(call say,COPY)cp $< $@

$B/tunings.json: harness/try/tunings.json
	@mkdir -p $(@D)
	$(call say,COPY)cp $< $@

$B/stacks: harness/support/stacks.sh
	@mkdir -p $(@D)
	$(call say,COPY)cp $< $@

$B/spanbench: $(DRIVER_OBJECTS) $B/stamp/link
	$(call say,LINK)$(CXX) $(LDFLAGS) -pie -pthread -o $@ $(filter %.o,$^) $(DRIVER_LIBS)

# What `why` preloads into a program. -fexceptions: those of operator new pass through it.
COUNTER_OBJECTS := $(call objects,harness/why/counter)
$(COUNTER_OBJECTS): $B/harness/why/counter/%.o: harness/why/counter/%.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(LIB_FLAGS) -fexceptions $(call include,$<) -MMD -MP -c -o $@ $<

$B/libspanbench-why.so: $(COUNTER_OBJECTS) $B/stamp/link
	$(call say,LINK)$(CC) $(LDFLAGS) -shared -pthread -Wl,-z,defs -o $@ $(filter %.o,$^)

# The library that the checks of plugin.c open; it finds plugin_host in the cell.
$B/plugin.so: workloads/checks/support/plugin/library.c workloads/checks/support/plugin.h allocators/allocator.h $B/stamp/compile $B/stamp/link
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(C_ALWAYS) -fPIC $(CFLAGS) $(LDFLAGS) $(call include,$<) -shared -o $@ $<

# An allocator that is built here, from the folder and with the flags of the adapter's `built-from`.
# What replaces malloc in the process, interpose.c, is for the shared library alone. It is linked
# initfirst, because other libraries' constructors allocate, and fork handlers must be in place before
# theirs. It is linked nodelete, because the program has blocks, and threads have a destructor, after a
# dlclose, too.
# The archive is one object. Of several, a linker takes those whose names are used, and a file that has
# nothing but a constructor or destructor would be missing. The names that its files have for each other
# are local, as they are in the shared library, so that a program may have the same.
OBJCOPY ?= $(shell $(CC) -print-prog-name=objcopy)
library_objects = $(patsubst %,$B/lib/$1/%.o,$(call names,allocators/$(FOLDER_$1)))
flags_of        = $(wordlist 2,99,$(call key,$1,built-from))
define library
$(call library_objects,$1): $B/lib/$1/%.o: allocators/$(FOLDER_$1)/%.c allocators/$1.c $B/stamp/compile
	@mkdir -p $$(@D)
	$$(call say,CC  )$$(CC) $$(LIB_FLAGS) -Iallocators/$(FOLDER_$1) $(flags_of) -MMD -MP -c -o $$@ $$<

$B/lib$1.so: $(call library_objects,$1) $B/stamp/link
	$$(if $$(filter %.o,$$^),,$$(error allocators/$1.c: nothing to build in allocators/$(FOLDER_$1)/))
	$$(call say,LINK)$$(CC) $$(LDFLAGS) -shared -pthread -Wl,-soname,$(call soname,$1),-z,defs,-z,initfirst,-z,nodelete -o $$@ $$(filter %.o,$$^)
	@$(if $(VERSION_$1),ln -sf $$(@F) $B/$(call soname,$1))

$B/lib$1.a: $(filter-out %/interpose.o,$(call library_objects,$1)) $B/stamp/link
	$$(call say,AR  )$$(CC) -r -nostdlib -o $B/lib/$1.o $$(filter %.o,$$^) && \
	  $$(OBJCOPY) --localize-hidden $B/lib/$1.o && rm -f $$@ && $(AR) rcs $$@ $B/lib/$1.o
endef
$(foreach a,$(BUILT),$(eval $(call library,$a)))

# A cell is linked the way that users link the allocator; by an absolute path, so that a library
# without a soname is found from any directory, too.
absolute = $(if $(filter /%,$1),$1,$(CURDIR)/$1)
# Where the dynamic linker does not look by itself: what was named by its path, and odd places. What is
# built here lies above the cell, by one folder or two, in the build and where it is installed.
needs_rpath = $(strip $(FOLDER_$1) $(RIVAL_$1) $(findstring /,$(call key,$1,library)) \
                $(filter-out /usr/% /lib/% /lib64/%,$(LIBRARY_$1)))
link_with   = $(call quote,$(call absolute,$(LIBRARY_$1))) \
  $(if $(needs_rpath),-Xlinker -rpath -Xlinker $(call quote,$(call rpath,$1)))
rpath       = $(if $(FOLDER_$1),$$$$ORIGIN/..:$$$$ORIGIN/../..,$(call absolute,$(patsubst %/,%,$(dir $(LIBRARY_$1)))))
# $1: the executable, $2: the adapter, $3: the rest
define cell
$1: $B/allocators/$2.o $3 $(LIBRARY_$2) $B/stamp/link
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) $$(LDFLAGS) -pie -pthread -Wl,--export-dynamic-symbol=plugin_host -o $$@ \
	  $$(filter %.o,$$^) $(if $(LIBRARY_$2),$(call link_with,$2))
endef
$(foreach a,$(HAVE),$(eval $(call cell,$B/cell/$a,$a,$(CELL_OBJECTS))))
$(foreach a,$(FAULTY_FOUND),$(eval $(call cell,$B/faulty/$(notdir $a),$a,$(CELL_OBJECTS))))

# A rival's cell has the adapter of the older build, compiled with the newer headers.
define rival
$B/allocators/$1.o: allocators/$(RIVAL_$1).c $B/stamp/compile
	@mkdir -p $$(@D)
	$$(call say,CC  )$$(CC) $$(C_FLAGS) -I$B/rivals/$1/usr/include $$(call include,$$<) \
	  $$(call adapter_flags,$(RIVAL_$1)) -MMD -MP -c -o $$@ $$<
endef
$(foreach r,$(RIVALS_FOUND),$(eval $(call rival,$r)))
$(foreach r,$(RIVALS_FOUND),$(eval $(call cell,$B/rivals/cell/$r,$r,$(CELL_OBJECTS))))

# The cell `system` on another C library, which scripts/releases.sh unpacked. LOADER is the loader there.
$B/releases/%/cell/system: $B/allocators/system.o $(CELL_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(LDFLAGS) -pie -pthread -Wl,--export-dynamic-symbol=plugin_host -o $@ $^ \
	  -Wl,--disable-new-dtags -Xlinker --dynamic-linker -Xlinker $(call quote,$(LOADER)) \
  -Xlinker -rpath -Xlinker "$$(dirname $(call quote,$(LOADER)))"

# The registry is the directory: no cell without a source, and a reason where one cannot be built.
why_not = scripts/why-skipped $(call quote,$(subst @ARCH@,$(ARCH),$(call key,$1,library))) $(call quote,$(call key,$1,package))
registry: $B/stamp/link | $(HAVE:%=$B/cell/%)
	@for f in $B/cell/*; do \
	  case ' $(HAVE) $(SKIP:%=%.skip) ' in *" $${f##*/} "*) ;; *) rm -f "$$f";; esac; done
	@$(foreach a,$(SKIP),$(call why_not,$a) >$B/cell/$a.skip && echo $(call quote,skipped: $a:) "$$(cat $B/cell/$a.skip)";)

# --- tests ----------------------------------------------------------------------------------------
test_sources   = $(patsubst %.c,%,$(sort $(wildcard $(1:%=%/test_*.c))))
TEST_NAMES     := $(filter-out %/test_contract,$(call test_sources,$(DRIVER_ROOMS:%=harness/%) harness/cell workloads/timed))
TEST_CONTRACTS := $(HAVE:%=$B/test/contract/%)
TEST_SCRIPTS   := $(sort $(wildcard */test_*.py */*/test_*.py))

# What a test of a folder is linked with: the parts beside it.
$(foreach d,$(DRIVER_ROOMS),$(eval parts_harness/$d = $$(filter-out %/spanbench.o,$$(DRIVER_OBJECTS))))
parts_harness/cell = $(filter-out %/cell.o,$(call objects,harness/cell)) $(CHECK_OBJECTS)
parts_workloads/timed = $(TIMED_OBJECTS) $(call objects,workloads/shared)
define test_program
$B/test/$1: $B/$1.o $$(parts_$(patsubst %/,%,$(dir $1))) $B/stamp/link
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CXX) $$(LDFLAGS) -pie -pthread -o $$@ $$(filter %.o,$$^) $$(DRIVER_LIBS) -lm
endef
$(foreach t,$(TEST_NAMES),$(eval $(call test_program,$t)))
$(foreach a,$(HAVE),$(eval $(call cell,$B/test/contract/$a,$a,$B/harness/cell/test_contract.o \
  $(filter-out %/cell.o,$(CELL_OBJECTS)))))
$B/workloads/timed/test_workloads.o $B/workloads/timed/test_families.o $B/workloads/timed/test_threads.o: $B/workloads.inc

# The tests in the folder of an allocator, with its parts except interpose.c. Each is built plain, once
# with each sanitiser, and once with the flags of each adapter that is built from it. The names are
# test-<sanitiser or adapter>/allocators/<folder>/test_<part>.
SANITIZERS    ?= asan tsan
$(call only,SANITIZERS,asan tsan)
variant_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
variant_tsan := -fsanitize=thread
$(foreach a,$(BUILT),$(eval variant_$a := $(call flags_of,$a)))
TESTED_FOLDERS := $(patsubst %/,%,$(sort $(dir $(wildcard allocators/*/test_*.c))))
built_from     = $(foreach a,$(BUILT),$(if $(filter $1,allocators/$(FOLDER_$a)),$a))
variants       = test $(patsubst %,test-%,$(SANITIZERS) $(call built_from,$1))
# $1: the variant, $2: the folder
define folder_tests
$(patsubst %.c,$B/$1/%.o,$(wildcard $2/*.c)): $B/$1/%.o: %.c $B/stamp/compile
	@mkdir -p $$(@D)
	$$(call say,CC  )$$(CC) $$(LIB_FLAGS) $(variant_$(1:test-%=%)) -I$2 $$(call for_test,$$<) -MMD -MP -c -o $$@ $$<

$(patsubst %,$B/$1/%,$(call test_sources,$2)): %: %.o \
    $(patsubst %,$B/$1/$2/%.o,$(filter-out interpose,$(call names,$2))) $B/stamp/link
	$$(call say,LINK)$$(CC) $$(LDFLAGS) $(variant_$(1:test-%=%)) -pie -pthread -o $$@ $$(filter %.o,$$^) -lm
endef
$(foreach f,$(TESTED_FOLDERS),$(foreach v,$(call variants,$f),$(eval $(call folder_tests,$v,$f))))

# A cell under ThreadSanitizer, of what is built here, for the checks that hand blocks from thread to
# thread: make check-tsan. Instrumented is what orders memory: the allocator, these checks, and what
# they write blocks by. interpose.c is left out: malloc of the process is the sanitiser's.
TSAN_PARTS   := harness/cell/identity workloads/checks/cross_thread workloads/checks/support/check \
  $(patsubst %,workloads/shared/%,$(call names,workloads/shared))
TSAN_OBJECTS := $(TSAN_PARTS:%=$B/tsan/%.o) $(filter-out $(TSAN_PARTS:%=$B/%.o),$(CELL_OBJECTS))
tsan_link     = $(CC) $(LDFLAGS) $(variant_tsan) -pthread -o $@
define tsan_library
$B/tsan/lib/$1/%.o: allocators/$(FOLDER_$1)/%.c allocators/$1.c $B/stamp/compile
	@mkdir -p $$(@D)
	$$(call say,CC  )$$(CC) $$(LIB_FLAGS) $(variant_tsan) -Iallocators/$(FOLDER_$1) $(flags_of) -MMD -MP -c -o $$@ $$<

$B/tsan/lib$1.so: $(patsubst $B/lib/%,$B/tsan/lib/%,$(filter-out %/interpose.o,$(call library_objects,$1))) $B/stamp/link
	$$(call say,LINK)$$(tsan_link) -shared $$(filter %.o,$$^)
endef
$(foreach a,$(BUILT),$(eval $(call tsan_library,$a)))
$B/tsan/%.o: %.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(C_FLAGS) $(variant_tsan) -DCELL_SANITIZED=1 $(call include,$<) $(call adapter_flags,$(patsubst allocators/%,%,$*)) -MMD -MP -c -o $@ $<
$B/tsan/cell/%: $B/tsan/allocators/%.o $(TSAN_OBJECTS) $B/tsan/lib%.so
	@mkdir -p $(@D)
	$(call say,LINK)$(tsan_link) -pie -Wl,--export-dynamic-symbol=plugin_host $(filter %.o,$^) $(call quote,$(call absolute,$(filter %.so,$^)))
$B/tsan/faulty/%: $B/tsan/allocators/faulty/check/%.o $(TSAN_OBJECTS) $B/stamp/link
	@mkdir -p $(@D)
	$(call say,LINK)$(tsan_link) -pie -Wl,--export-dynamic-symbol=plugin_host $(filter %.o,$^)
tsan: all $(BUILT:%=$B/tsan/cell/%)

TEST_PROGRAMS := $(TEST_NAMES:%=$B/test/%) $(TEST_CONTRACTS) \
  $(foreach f,$(TESTED_FOLDERS),$(foreach v,$(call variants,$f),$(patsubst %,$B/$v/%,$(call test_sources,$f))))
# With sanitisers, an allocator's tests run in these variants and as it is shipped: plain ones are slow ones.
PLAIN := $(if $(SANITIZERS),$(foreach f,$(TESTED_FOLDERS),$(call test_sources,$f)))
quick-tests: all $(filter-out $(PLAIN:%=$B/test/%),$(TEST_PROGRAMS)) $(FAULTY_CELLS)
tests: quick-tests $(TEST_PROGRAMS)

# --- rules ----------------------------------------------------------------------------------------
$B/%.o: %.c $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(C_FLAGS) $(call include,$<) $(call adapter_flags,$(patsubst allocators/%,%,$*)) -DBUILD='"$B"' -MMD -MP -c -o $@ $<
adapter_flags = $(FOLDER_$1:%=-Iallocators/%) $(call key,$1,cflags)

$B/%.o: %.cc $B/stamp/compile
	@mkdir -p $(@D)
	$(call say,CXX )$(CXX) $(CXX_FLAGS) $(call include,$<) -MMD -MP -c -o $@ $<

# Generated files, renewed only when their text changes. $1: the arguments of printf.
renew = @mkdir -p $(@D); printf $1 >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$B/harness/cell/cell.o: $B/workloads.inc
$B/workloads.inc: FORCE
	$(call renew,'$(foreach w,$(WORKLOADS_FOUND),W($w)\n)')
$B/harness/core/context.o: $B/version.h
# In a repository of its own, the commit; of a release's archive, what the newest entry is headed.
own_commit = [ -e .git ] && git describe --always --dirty 2>/dev/null
release    = sed -n 's/^\#\# *\([0-9][0-9A-Za-z.-]*\).*/\1/p' CHANGELOG.md 2>/dev/null | sed -n 1p | grep .
$B/version.h: FORCE
	$(call renew,'#define SPANBENCH_VERSION "%s"\n' "$$($(own_commit) || $(release) || echo unknown)")

# What the commands consist of beside their sources: with another compiler or other flags, all is
# built again, with other parts or libraries, all is linked again. Code is the same whether
# warnings are errors or not, and wherever it was compiled: a tree may be copied with its objects.
$B/stamp/compile: export TEXT = $(filter-out -Werror,$(subst $(CURDIR),,$(CC) $(LIB_FLAGS) $(C_FLAGS) $(CXX) $(CXX_FLAGS)))
$B/stamp/link: export TEXT = $(CC) $(CXX) $(LDFLAGS) $(CURDIR) $(CELL_OBJECTS) $(DRIVER_OBJECTS) \
  $(foreach a,$(HAVE) $(RIVALS_FOUND),$a $(LIBRARY_$a) $(if $(FOLDER_$a),$(call soname,$a) $(call rpath,$a) $(call library_objects,$a)))
$B/stamp/compile $B/stamp/link: FORCE
	$(call need_compiler,CC,gcc)
	$(call need_compiler,CXX,g++)
	$(call renew,'%s\n' "$$TEXT")

# Before anything is built or called missing. $1: the variable, $2: the package of its default
need_compiler = @command -v $(firstword $($1)) >/dev/null || { echo >&2 $(call quote,spanbench: \
  there is no compiler '$($1)' ($1). Install the package $(if $(findstring clang,$($1)),clang,$2) \
  or give another: make $1=…); exit 2; }; $($1) -print-file-name=libc.so.6 >/dev/null || { echo >&2 \
  $(call quote,spanbench: the compiler '$($1)' ($1) does not work: -print-file-name failed); exit 2; }

-include $(shell find $B -path $B/releases -prune -o -name '*.d' -print 2>/dev/null)

# --- what people run ------------------------------------------------------------------------------
# These run one after another; what they build is built in parallel.
ifneq ($(filter $(COMMANDS) clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
# $1: bench, gate, test or test-all
deps = $(if $(filter skip,$(DEPS)),,@scripts/deps.sh $1)
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

bench check check-whole check-tsan check-releases harden: role := bench
bench-programs:                   role    := programs
heap try why:                     role    := bench
try:                              program := scripts/try.sh
why:                              program := scripts/why.sh
bench-programs:                   program := scripts/programs.py
heap:                             program := scripts/heap.py
gate gate-proof baseline history: role    := gate
fleet:                            role    := $(or $(filter gate programs,$(WORK)),bench)
bench:                            program := scripts/bench.sh
check:                            program := scripts/check.sh check
check-whole:                      program := scripts/check.sh check-whole
check-tsan:                       program := scripts/check.sh check-tsan
check-releases:                   program := scripts/releases.sh
harden:                           program := scripts/check.sh harden
gate:                             program := scripts/gate.sh
fleet:                            program := scripts/fleet.sh
gate-proof:                       program := /usr/bin/python3 -B scripts/gate_proof/proof.py $$ARGS
baseline:                         program := scripts/baseline.py renew
# 1: a commit could not be recorded, which does not keep the others from being shown.
history: program := set -f; code=0; keep=; case $$KEEP in 1 | yes) keep=--keep ;; esac; \
  scripts/history.py record $$keep -- $$COMMITS || code=$$?; \
  [ $$code -le 1 ] || exit $$code; \
  scripts/history.py table $$ARGS && scripts/history.py plot $$ARGS && \
  scripts/report/__main__.py --if-possible results/history.jsonl && exit $$code
# Who kills make alone (SIGKILL) ends what it runs, too, where setpriv can ask the kernel for it.
follow = $(shell setpriv --pdeathsig TERM true 2>/dev/null && echo setpriv --pdeathsig TERM)
bench bench-programs heap try why check check-whole check-tsan check-releases harden gate gate-proof fleet baseline history:
	$(call deps,$(role))
	@$(MAKE) $(jobs) $(if $(filter check-tsan,$@),tsan,all)
	@$(if $(filter history,$@),,$(follow) )$(program)

answer table:
	@set -f; scripts/$@.py $$ARGS -- "$${RUN:-$${OUT:-results}/latest}"

# B has a default, which is the folder of the build.
compare:
	@case "$(filter build,$(B)),$$A" in ,?*) ;; *) echo 'spanbench: make compare A=results/one B=results/another' >&2; exit 2 ;; esac
	@scripts/report/__main__.py --base="$$A" --allocators="$$ALLOCATORS" -- "$$B"

report:
	@scripts/report/__main__.py -- "$${RUN:-$${OUT:-results}/latest}"

rivals:
	$(call deps,bench)
	@scripts/rivals.sh
	@$(MAKE) $(jobs) all

# A program is named by its source; a sanitised one by the folder of its variant, too.
# None needs the machine for itself, and many wait: one more at once than there are CPUs.
# The scripts come first, those of whole commands before: they take longest, and the end is short. Of the slow
# ones, the first two take as long as all others together. Where time may be over before the end, chance orders those.
JOBS ?= $(if $(filter 1,$(shell nproc 2>/dev/null || echo 1)),2,3)
LONGEST = %/test_readme.py %/test_mutants.py
SHORTER = $(filter-out $(LONGEST),$(TEST_SCRIPTS))
TESTS = $(filter $(LONGEST),$(TEST_SCRIPTS)) $(filter harness/%,$(SHORTER)) $(filter-out harness/%,$(SHORTER)) \
  $(patsubst $B/%,%,$(TEST_PROGRAMS:$B/test/%=%))
# Those with a slow part, and where it is in a program's source, each variant.
TEST_SOURCES = $(TEST_NAMES:=.c) $(foreach f,$(TESTED_FOLDERS),$(patsubst %,%.c,$(call test_sources,$f)))
WITH_SLOW    = $(basename $(shell grep -lwE 'tap_slow|tap_all' $(TEST_SOURCES)))
SLOW         = $(filter $(shell grep -lE '^ *@slow$$' $(TEST_SCRIPTS)) $(PLAIN) $(WITH_SLOW) $(WITH_SLOW:%=test-\%/%),$(TESTS))
SLOW_SHORTER = $(filter-out $(LONGEST),$(SLOW))

TESTS_OF_test      = $(filter-out $(PLAIN),$(TESTS))
TESTS_OF_test-all  = $(TESTS)
TESTS_OF_test-slow = $(filter $(LONGEST),$(SLOW)) $(if $(MINUTES),$(shell shuf -e -- $(SLOW_SHORTER)),$(SLOW_SHORTER))
test-all:  export TEST_ALL := 1
test-slow: export TEST_ALL := only
test test-all test-slow:
	@[ $@ != test-slow ] || echo "$$MINUTES" | grep -qxE '|0|[1-9][0-9]{0,3}' || { \
	  echo "spanbench: MINUTES takes a whole number below 10000, not '$$MINUTES'" >&2; exit 2; }
	$(call deps,$(@:%-slow=%-all))
	$(if $(filter test,$@)$(filter skip,$(DEPS)),,@scripts/report/browser.sh)
	@$(MAKE) $(jobs) $(if $(TEST)$(filter-out test,$@),tests,quick-tests)
	@$(if $(TEST)$(filter-out test,$@),,echo '$(words $(PLAIN)) programs are skipped: in make test-all; they run in other variants')
	@$(if $(filter test-slow,$@),[ ! "$$MINUTES" ] || export TEST_UNTIL=$$(($$(date +%s) + 60 * MINUTES)); )\
	prove --jobs $(JOBS) --exec scripts/run-test $(or $(TEST),$(TESTS_OF_$@))

lint:
	$(call deps,test)
	@ci/lint.sh

# $(OPS) operations with each number of threads, checked against shadow books: minutes.
OPS    ?= 25000000
STRESS := $(wildcard allocators/*/test_stress.c)
stress: $(STRESS:%.c=$B/test/%)
	@set -e; $(foreach t,$^,$t $(OPS);)

# The include paths of each of FILES, for tools that read single files.
include-paths:
	@$(foreach f,$(FILES),echo '$f $(call include,$f) $(call adapter_flags,$(patsubst allocators/%.c,%,$f))';)

# Root installs what is there of another user's tree, and builds nothing in it. git trusts no such tree, and
# its owner could not build again what root has built.
export DESTDIR PREFIX LIBDIR
foreign_root = [ "$$(id -u)" = 0 ] && [ -x $B/spanbench ] && [ "$$(stat -c %u $B/spanbench)" != 0 ]
install:
	@$(foreign_root) || $(MAKE) $(jobs) all
	@scripts/install.sh install $(foreach a,$(BUILT),$(call quote,$a $(FOLDER_$a) $(VERSION_$a)))
uninstall:
	@scripts/install.sh uninstall

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

clean:
	rm -rf $B

.PHONY: all registry tests quick-tests tsan rivals bench bench-programs heap try why check check-whole check-tsan check-releases harden gate gate-proof fleet baseline history answer table report compare test test-all test-slow stress lint install uninstall include-paths help clean FORCE
.SECONDARY:
