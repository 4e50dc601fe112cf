# make                  build/gamutmlp (the command-line tool), build/quickstart, build/quickstart_hdr, build/engine,
#                       build/scene
# make cuda             the same tool with --device gpu, and quickstart_cuda, in build/cuda/: needs NVIDIA's nvcc
# make wasm             build/web/: the browser's module, the element <wide-img> and a page, to be served as they are;
#                       needs Emscripten's emcc
# make cuda-bench       on a GPU: the same bytes, no faults, times; PICTURES=folder trains those, too
# make cuda-report      registers, spills, memory and tensor-core instructions of the GPU's kernels
# make test             everything that is checked; ends with "N passed, N failed"
# make test-cross       the library on other processors and systems, by emulators, where they are installed
# make failures         the tool with every allocation and write failing, killed 500 times; threads under ThreadSanitizer
# make demo             the whole way of one synthetic picture, in build/demo/
# make fuzz SECONDS=60  every fuzz target for that long each, with clang's libFuzzer (DATA=dir: also from files there)
# make fuzz-report      which lines and branches of the code that reads strangers' bytes the fuzz targets reach, as a table
# make fuzz-corpus      fuzz/corpus/ anew, the least that reaches what make fuzz has found
# make fuzz-msan        as fuzz, with MSan
# make fuzz-afl         the targets for AFL++, in build/afl/
# make check            what reads the source without running it: gcc's and clang's analyzers, clang-tidy, cppcheck; symbols,
#                       stack use, links, a reproducible build
# make bench DATA=dir   the measurements of the README, on your pictures or the synthetic one; build/rate.svg
# make bench-hdr DATA=dir   HDR from SDR: pairs of pictures and Ultra HDR photographs in dir; build/hdr.svg
# make pytorch          gradients, preset paper and the speed of a step against PyTorch
# make survival         which carriers live through which tools, as a table
# make readers PICTURE=photo.tif   what JPEG readers show of a base in sYCC, as a table
# make edits DATA=dir   what comes back after other programs' edits of the pictures in dir, as a table
#                       (OPTIONS: of encode, such as "--from prophoto")
# make letnet DATA=dir  the general network of 'expand' anew, from the photographs of docs/letnet/ in dir, and its figures
# make install          tool and its network, header, CUDA file, shaders, pkg-config and CMake package, manual page, completion; PREFIX=/usr/local
#                       (DESTDIR=dir: below it, for packagers)
# make dist             the committed source as build/gamutmlp-VERSION.tar.gz
# make deb              Debian packages of the committed source, in build/deb/
# make world DATA=dir   every file of a tree of strangers' pictures: no crash, no hang, right colours; a table
# make site             the pictures and numbers of docs/index.html, from a run of the tool; PICTURE=wide.tif: of yours
# make clean
#
# All processors are used (JOBS=1: one). V=1 shows the commands. Packages that are missing are installed
# first where there is apt-get (scripts/deps.sh).

CC = gcc
CXX = g++
CLANG = clang
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic
override CPPFLAGS += -I. -Iexamples/tool -I/usr/include/cairo -D_POSIX_C_SOURCE=200809L
LIBS = -ljpeg -lpng -lz -ltiff -llcms2 -lcairo $(optional) -lstdc++ -lpthread -lm
# What the tool does without where it is not there, or too old: $(call have,HEADER,LIBRARIES). Looked for when it is
# needed, as the packages may come first.
have = $(shell printf '\043include <$(1)>\n' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo $(2))
optional = $(call have,OpenEXR/openexr.h,-lOpenEXRCore -lOpenEXR -lIex) $(call have,libheif/heif.h,-lheif) $(call have,libraw/libraw.h,-lraw_r) \
           $(call have,jxl/thread_parallel_runner.h,-ljxl -ljxl_threads) $(call have,avif/avif.h,-lavif) $(call have,turbojpeg.h,-lturbojpeg) $(call have,zstd.h,-lzstd)
SECONDS = 60
DATA =
# What works on pictures of yours alone.
data = $(or $(DATA),$(error gamutmlp: $@ needs DATA=folder, with pictures))
JOBS = $(shell nproc 2>/dev/null || echo 1)

ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif
# say KIND,FILE: a short line for a step; with V=1 the command shows instead.
Q = $(if $(V),,@)
say = $(if $(V),,@printf "  %-5s %s\n" $(1) $(2))

B = build
tool := $(basename $(sort $(wildcard examples/tool/*.c examples/tool/*/*.c examples/tool/*/*.cpp)))
# No vptr: a C compiler links, without the runtime of that check.
cxx_of_tool = -std=c++17 -fno-sanitize=vptr -isystem /usr/include/Imath -isystem /usr/local/include/Imath

all: $(B)/gamutmlp $(B)/letnet.gmlp $(B)/quickstart $(B)/quickstart_hdr $(B)/engine $(B)/scene

$(B)/gamutmlp: $(tool:%=$(B)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
# The general network of 'expand' lies beside the tool.
$(B)/letnet.gmlp $(B)/cuda/letnet.gmlp: examples/letnet.gmlp
	@mkdir -p $(@D)
	@cp $< $@
$(B)/examples/tool/%.o: examples/tool/%.c | $(B)/deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -MMD -MP -c $< -o $@
$(B)/examples/tool/%.o: examples/tool/%.cpp | $(B)/deps
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(cxx_of_tool) $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -MMD -MP -c $< -o $@
$(B)/scene: picture_lib = -lpng
$(B)/quickstart_hdr: picture_lib = -ltinyexr
$(B)/quickstart $(B)/quickstart_hdr $(B)/scene: $(B)/%: examples/%.c gamutmlp.h | $(B)/deps
	$(call say,CC,$<)
	$(Q)$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $(LDFLAGS) $< -o $@ $(picture_lib) -lm
$(B)/engine: examples/engine.cpp gamutmlp.h | $(B)/deps
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=c++17 -fno-exceptions -fno-rtti $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $(LDFLAGS) $< -o $@ -lpthread

# For NVIDIA GPUs, with code for every architecture that this nvcc has and gamutmlp_cuda.cu can, and PTX for later ones.
# NVCC=/usr/local/cuda/bin/nvcc if it is not on the PATH; CUDA_ARCH=90 builds for one alone, and sooner.
NVCC = nvcc
CUDA_ARCH = $(shell $(NVCC) --list-gpu-arch 2>/dev/null | sed -n 's/^compute_//p' | awk '$$1 >= 75' | sort -n)
CUDA_REPORT_ARCH = 75 90 120
cuda_arch = $(or $(CUDA_ARCH),$(error gamutmlp: $@ needs nvcc, the compiler of NVIDIA's CUDA toolkit, \
            and '$(NVCC)' is not there or does not run. NVCC=/path/of/nvcc names another))
gencode = $(foreach a,$(1),-gencode arch=compute_$(a),code=sm_$(a)) \
          -gencode arch=compute_$(lastword $(1)),code=compute_$(lastword $(1))
export NVCC

cuda: $(B)/cuda/gamutmlp $(B)/cuda/letnet.gmlp $(B)/cuda/quickstart_cuda
$(B)/cuda/gamutmlp_cuda.o: gamutmlp_cuda.cu gamutmlp.h
	$(call say,NVCC,$<)
	@mkdir -p $(@D)
	$(Q)$(NVCC) -std=c++17 -O2 --threads $(JOBS) $(call gencode,$(cuda_arch)) -c $< -o $@
device := $(filter %/device,$(tool))
$(B)/cuda/device.o: $(device).c | $(B)/deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -DGAMUTMLP_WITH_CUDA -MMD -MP -c $< -o $@
$(B)/cuda/gamutmlp: $(patsubst %,$(B)/%.o,$(filter-out $(device),$(tool))) $(B)/cuda/device.o $(B)/cuda/gamutmlp_cuda.o
	$(call say,LINK,$@)
	$(Q)$(NVCC) $^ -o $@ $(LIBS)
# Its own kernel is a small one: the driver makes what newer GPUs need.
$(B)/cuda/quickstart_cuda: examples/quickstart_cuda.cu $(B)/cuda/gamutmlp_cuda.o gamutmlp.h
	$(call say,NVCC,$<)
	$(Q)$(NVCC) -std=c++17 -O2 $(call gencode,$(firstword $(cuda_arch))) -I. $(filter-out %.h,$^) -o $@
cuda-bench:
	@$(if $(cuda_arch),NVCC=$(NVCC) scripts/cuda-bench.sh $(PICTURES))
cuda-report:
	@scripts/cuda-report.sh $(if $(cuda_arch),$(CUDA_REPORT_ARCH))

# For browsers and Node. Small before fast: the vector code is intrinsics, which -O2 makes no faster. What these
# instructions need, any machine with SIMD128 has.
EMCC = emcc
web_flags = -Oz -mllvm -enable-gvn-hoist -msimd128 -mbulk-memory -mnontrapping-fptoint -msign-ext --no-entry \
            -sSTANDALONE_WASM -sMALLOC=emmalloc \
            -sALLOW_MEMORY_GROWTH -sINITIAL_MEMORY=2MB -sMAXIMUM_MEMORY=4GB -sTOTAL_STACK=256KB \
            -sERROR_ON_UNDEFINED_SYMBOLS=0 -sWARN_ON_UNDEFINED_SYMBOLS=0 \
            -sBINARYEN_EXTRA_PASSES=--flatten,--rereloop,-Oz,-Oz,--flatten,--rereloop,-Oz,-Oz,--merge-similar-functions,-Oz,--reorder-functions
web := $(filter-out %.c,$(wildcard examples/web/*))
wasm: $(web:examples/web/%=$(B)/web/%) $(B)/web/gamutmlp_decode.es.frag $(B)/web/gamutmlp.wasm
$(B)/web/gamutmlp.wasm: examples/web/gamutmlp_web.c gamutmlp.h
	@command -v $(firstword $(EMCC)) >/dev/null || { echo "gamutmlp: make wasm needs Emscripten's compiler, and" \
	    "'$(EMCC)' is not there: apt-get install emscripten, or EMCC=/path/of/emcc"; exit 1; }
	$(call say,EMCC,$<)
	@mkdir -p $(@D)
	$(Q)$(EMCC) -std=c99 $(WARNINGS) -I. $(web_flags) $< -o $@
# Without comments and most blanks: its size has a bound, see tests/test_web.sh. Texts in it have none around operators.
$(B)/web/gamutmlp.mjs: examples/web/gamutmlp.mjs
	@mkdir -p $(@D)
	@sed -e '/^ *\/\*.*\*\/$$/d' -e '/^ *\/\*/,/\*\/$$/d' -e 's/^ *//' -e 's| // .*||' -e '/^$$/d' \
	     -e 's/ \(=\|=>\|===\|!==\|&&\|||\|??\|>=\|<=\) /\1/g' -e 's/{ /{/g;s/ }/}/g;s/ \([({]\)/\1/g' $< | \
	    sed -e ':a' -e 'N' -e '$$!ba' -e 's/\([;{,(]\)\n/\1/g;s/;\{0,1\}\n*}/}/g' >$@
$(B)/web/%: examples/web/%
	@mkdir -p $(@D)
	@cp $< $@
$(B)/web/%: shaders/%
	@mkdir -p $(@D)
	@cp $< $@

# Stamps: the packages are there. Remove the stamp (or make clean) to look again.
$(B)/deps: scripts/deps.sh
	@mkdir -p $(@D)
	@scripts/deps.sh build
	@touch $@
$(B)/deps-test: $(B)/deps
	@scripts/deps.sh test
	@touch $@

# Tests. tests/library/ knows the header alone (what needs no more than its public part is linked with it), tests/tool/ gets the tool as an archive (a test may include one of its files); each program is built plain and
# under ASan and UBSan, those of the library also under MSan, where no other library takes part (they are not
# instrumented). Each run leaves a log; scripts/summary.awk counts them.
library_tests := $(basename $(wildcard tests/library/test_*.c))
tool_tests := $(basename $(wildcard tests/tool/*/test_*.c))
linked := $(basename $(shell grep -L 'define GAMUTMLP_IMPLEMENTATION' $(wildcard tests/library/*.c) /dev/null))
# What they need not compile: LETNet is for its own tests, vector code for none that look at files; AVX-512 under
# sanitizers, which take longest to compile, for those that go through all instruction sets. Optimising for sanitizers
# what runs for a second takes longer than running it (MSan takes vector code amiss that is not).
no_vectors := tests/library/test_jpeg.c tests/library/test_png.c tests/library/test_ktx2.c $(foreach f,edits jpeg ktx2 png roundtrip,fuzz/fuzz_$(f).c)
brief := $(foreach t,api gamut mlp,tests/library/test_$t.c)
without = $(if $(filter $(no_vectors),$(1)),-DGMLP_NO_SIMD) $(if $(filter tests/library/% fuzz/%,$(filter-out %letnet.c,$(1))),-DGMLP_NO_LETNET) \
          $(if $(filter-out plain,$(2)),$(if $(filter tests/library/%,$(filter-out %_api.c %_isa.c %_decode.c %_letnet.c,$(1))),-DGMLP_NO_AVX512) $(if $(filter $(no_vectors) $(if $(filter asan,$(2)),$(brief)),$(1)),-O0))
uninstrumented := $(basename $(shell grep -lE 'include <(lcms2|png|zlib|jpeglib)\.h>' $(wildcard tests/library/*.c) /dev/null))
script_tests := $(wildcard tests/test_*.sh tests/cuda/test_*.sh tests/tool/*/test_*.sh)
fuzz := $(filter-out fuzz_main,$(basename $(notdir $(wildcard fuzz/fuzz_*.c))))

address = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
cc_plain = $(CC)
flags_plain = -O2
objects_plain = $(B)
cc_asan = $(CLANG)
objects_asan = $(B)/asan
flags_asan = -O1 -g1 $(address) -fsanitize=float-cast-overflow -fno-sanitize=function
export LSAN_OPTIONS = suppressions=tests/leaks.txt:print_suppressions=0
cc_msan = $(CLANG)
objects_msan = $(B)/msan
flags_msan = -O1 -g1 -fsanitize=memory -fno-omit-frame-pointer
cxx_msan = $(CLANG)++
cc_tsan = $(CLANG)
cxx_tsan = $(CLANG)++
objects_tsan = $(B)/tsan
flags_tsan = -O1 -g1 -fsanitize=thread -DGMLP_NO_AVX512

# How to build and run in one of these ways.
define variant
$(B)/$(1)/%.o: %.c | $(B)/deps-test
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) -std=c99 $$(flags_$(1)) $$(CPPFLAGS) -MMD -MP -c $$< -o $$@
$(B)/$(1)/%.o: %.cpp | $(B)/deps-test
	$$(call say,CXX,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(cxx_$(1)) $$(flags_$(1)) $$(cxx_of_tool) $$(CPPFLAGS) -MMD -MP -c $$< -o $$@
$(B)/$(1)/tests/%: tests/%.c | $(B)/deps-test
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(cc_$(1)) -std=c99 $$(flags_$(1)) $$(WARNINGS) $$(CPPFLAGS) $$(call without,$$<,$(1)) -MMD -MP -MF $$@.d $$< $$(filter %.a %.o,$$^) -o $$@ -lcmocka $$(LIBS)
$(B)/$(1)/tool.a: $(patsubst %,$(objects_$(1))/%.o,$(filter-out %/main,$(tool)))
	@mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $$^
$(filter-out $(if $(filter msan,$(1)),$(shell_alone)),$(tool_tests:%=$(B)/$(1)/%)): $(B)/$(1)/tool.a
$(linked:%=$(B)/$(1)/%): $(objects_$(1))/examples/tool/shell/gamutmlp.o
$(B)/log/$(1)/%.log: $(B)/$(1)/% FORCE
	@scripts/logged.sh $$@ $$<
endef
# Under MSan no more of the tool than has no library in it: its process code.
shell_alone := $(B)/msan/tests/tool/shell/test_apart
$(shell_alone): $(addprefix $(B)/msan/examples/tool/shell/,apart.o files.o messages.o pool.o progress.o)
$(foreach v,plain asan msan tsan,$(eval $(call variant,$(v))))

# tests/cuda/: the kernels on the host, by tests/cuda/emulation.h, which says what the last two flags are for. The two that
# take minutes run under the sanitizers alone.
cuda_tests := $(basename $(wildcard tests/cuda/test_*.cpp))
cuda_linked := tests/cuda/test_decode tests/cuda/test_device
cxx_plain = $(CXX)
cxx_asan = $(CLANG)++
define cuda_variant
$(B)/$(1)/tests/cuda/%: tests/cuda/%.cpp | $(B)/deps-test
	$$(call say,CXX,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(cxx_$(1)) -std=c++17 $$(flags_$(1)) $$(WARNINGS) -Wno-unknown-pragmas $$(CPPFLAGS) -Itests/cuda -DGMLP_CUDA_EMULATION -DGMLP_NO_LETNET -DGMLP_NO_AVX512 -ffp-contract=off -fno-strict-aliasing -MMD -MP -MF $$@.d $$< $$(filter %.o,$$^) -o $$@ -lcmocka -lpthread
$(cuda_linked:%=$(B)/$(1)/%): $(objects_$(1))/examples/tool/shell/gamutmlp.o
$(B)/log/$(1)/tests/cuda/%.log: $(B)/$(1)/tests/cuda/% FORCE
	@scripts/logged.sh $$@ $$<
endef
$(foreach v,plain asan,$(eval $(call cuda_variant,$(v))))

# Of several sources a compiler writes the last one's dependencies only: the headers are named here.
fuzz_headers := gamutmlp.h $(wildcard fuzz/*.h tests/*.h examples/tool/gainmap/*.h)
$(B)/replay/%: fuzz/%.c fuzz/fuzz_main.c $(fuzz_headers) | $(B)/deps-test
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(cc_asan) -std=c99 $(flags_asan) -O0 $(CPPFLAGS) $(call without,$<) $(filter %.c,$^) -o $@
$(B)/log/replay/%.log: $(B)/replay/% FORCE
	@scripts/logged.sh $@ $< $(wildcard $(foreach f,seeds corpus regress,$(patsubst fuzz_%,fuzz/$(f)/%,$*)))
$(B)/log/compile/%.log: FORCE | $(B)/deps-test
	@scripts/logged.sh $@ tests/compile/check.sh $*
$(B)/log/%.sh.log: %.sh all FORCE
	@scripts/logged.sh $@ $<
# Preloaded into the tool.
$(B)/faults.so: tests/faults.c | $(B)/deps
	$(call say,CC,$<)
	$(Q)$(CC) -std=c99 $(CFLAGS) $(WARNINGS) -shared -fPIC $< -o $@ -ldl
$(B)/log/tests/tool/commands/test_failure.sh.log: $(B)/faults.so

# The longest first, so that no processor waits at the end.
logs := $(addprefix compile/,bytes gcc clang) $(cuda_tests:%=asan/%) $(script_tests) compile/targets \
        $(addprefix plain/,$(library_tests) $(tool_tests)) $(addprefix asan/,$(library_tests) $(tool_tests)) \
        $(addprefix msan/,$(filter-out $(uninstrumented),$(library_tests)) tests/tool/shell/test_apart) $(fuzz:%=replay/%) \
        $(patsubst %,plain/%,$(filter-out %_device %_decode,$(cuda_tests)))
test: $(logs:%=$(B)/log/%.log)
	@awk -f scripts/summary.awk $^

# What takes too long for every day.
$(B)/tsan/tests/threads: $(B)/tsan/tool.a
# MSan bears no library that is not built for it, so of pictures/ the test without them. TSan bears processes, and by this
# option also those that start threads while the program has some.
export TSAN_OPTIONS = die_after_fork=0
processes := $(addprefix tsan/tests/tool/,shell/test_apart shell/test_processes pictures/test_apart) msan/tests/tool/pictures/test_apart
$(B)/log/failures.log: all $(B)/faults.so FORCE
	@WHOLE=1 scripts/logged.sh $@ tests/tool/commands/test_failure.sh
failures: $(B)/log/failures.log $(patsubst %,$(B)/log/%.log,tsan/tests/threads tsan/tests/tool/shell/test_pool $(processes))
	@grep -h '^#' $<
	@awk -f scripts/summary.awk $^

test-cross:
	@tests/cross.sh

# Looking at what is compared takes three quarters of the time; without it the same time finds more in every target.
$(B)/libfuzzer/%: fuzz/%.c $(fuzz_headers) | $(B)/deps-test
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=c99 -O2 -g $(address) -fsanitize=fuzzer -fno-sanitize-coverage=trace-cmp $(CPPFLAGS) $(call without,$<) $(filter %.c,$^) -o $@
of_gain_maps := $(addprefix examples/tool/,gainmap/metadata.c gainmap/segments.c gainmap/xmp.c pictures/directory.c)
ways := replay libfuzzer coverage msan/libfuzzer afl
$(ways:%=$(B)/%/fuzz_ultrahdr): examples/tool/gainmap/container.c $(of_gain_maps)
$(ways:%=$(B)/%/fuzz_items): examples/tool/gainmap/items.c $(of_gain_maps)
fuzz: $(fuzz:%=$(B)/libfuzzer/%)
	@for f in $(fuzz); do scripts/fuzz.sh $(B)/libfuzzer/$$f $(SECONDS) $(DATA) || exit 1; done
# Vector code parses nothing.
$(B)/coverage/%: fuzz/%.c fuzz/fuzz_main.c $(fuzz_headers) | $(B)/deps-test
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=c99 -O1 -g -fprofile-instr-generate -fcoverage-mapping $(CPPFLAGS) -DGMLP_NO_SIMD $(call without,$<) $(filter %.c,$^) -o $@ -lm
fuzz-report: $(fuzz:%=$(B)/coverage/%)
	@scripts/fuzz-report.sh $(B) $(fuzz)
fuzz-corpus: $(fuzz:%=$(B)/libfuzzer/%)
	@scripts/fuzz-corpus.sh $^
$(B)/msan/libfuzzer/%: fuzz/%.c $(fuzz_headers) | $(B)/deps-test
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=c99 -O2 -g -fsanitize=memory,fuzzer -fno-sanitize-coverage=trace-cmp $(CPPFLAGS) $(call without,$<) $(filter %.c,$^) -o $@ -lm
fuzz-msan: $(fuzz:%=$(B)/msan/libfuzzer/%)
	@for f in $(fuzz); do scripts/fuzz.sh $(B)/msan/libfuzzer/$$f $(SECONDS) $(DATA) || exit 1; done
# For AFL++, which takes the same entry points and dictionaries, with mutators of its own:
# afl-fuzz -i fuzz/seeds/png -o build/afl/png -x fuzz/dict/png.dict build/afl/fuzz_png
$(B)/afl/%: fuzz/%.c $(fuzz_headers)
	@command -v afl-clang-fast >/dev/null || { echo "gamutmlp: make fuzz-afl needs AFL++: apt-get install afl++"; exit 1; }
	$(call say,AFL,$<)
	@mkdir -p $(@D)
	$(Q)AFL_QUIET=1 afl-clang-fast -std=c99 -O2 -g -fsanitize=fuzzer $(CPPFLAGS) $(call without,$<) $(filter %.c,$^) -o $@ -lm
fuzz-afl: $(fuzz:%=$(B)/afl/%)


check:
	@scripts/deps.sh check
	@scripts/check.sh

demo: all
	@scripts/demo.sh $(B)
$(B)/pictures/scene.png: $(B)/scene
	@mkdir -p $(@D)
	$< $@ 4000 3000
bench: all $(if $(DATA),,$(B)/pictures/scene.png)
	@$(B)/gamutmlp bench $(or $(DATA),$(B)/pictures) --plot $(B)/rate.svg
bench-hdr: all
	@$(B)/gamutmlp bench --hdr $(or $(DATA),$(B)/pictures) --plot $(B)/hdr.svg

# The library against PyTorch, where python3 has torch and numpy (PYTHON=... names another).
PYTHON = python3
$(B)/libgamutmlp.so: tests/pytorch.c examples/tool/shell/pool.c gamutmlp.h | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -shared -fPIC $(filter %.c,$^) -o $@ -lpthread
pytorch: $(B)/libgamutmlp.so all
	$(B)/scene $(B)/scene.png 640 480
	$(PYTHON) tests/pytorch.py gradient
	$(PYTHON) tests/pytorch.py letnet
	$(PYTHON) tests/pytorch.py paper $(B)/scene.png
	$(PYTHON) tests/pytorch.py step

$(B)/survival: tests/survival.c gamutmlp.h | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $< -o $@
survival: $(B)/survival
	@tests/survival.sh $<

$(B)/readers: tests/readers.c | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $(LDFLAGS) $< -o $@ -lm
readers: all $(B)/readers
	$(B)/scene $(B)/scene.png 640 480
	@tests/readers.sh $(B)/gamutmlp $(B)/readers $(or $(PICTURE),$(B)/scene.png)
site: all
	@python3 scripts/site.py $(B) $(PICTURE)
edits: all
	@tests/edits.sh $(B)/gamutmlp $(data) $(OPTIONS)

letnet: all
	@scripts/letnet.sh $(B)/gamutmlp $(data) $(B)/letnet

world: all
	$(PYTHON) tests/world.py $(data) --out $(B)/world

# Packages. The version is the header's.
PREFIX = /usr/local
version := $(shell awk '/^.define GMLP_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", n++ ? "." : "", $$3 }' gamutmlp.h)
install: $(B)/gamutmlp
	@packaging/install.sh "$(DESTDIR)$(PREFIX)" $(version) $<
dist:
	@mkdir -p $(B)
	git archive --prefix=gamutmlp-$(version)/ HEAD | gzip -9n >$(B)/gamutmlp-$(version).tar.gz
deb: dist
	rm -rf $(B)/deb && mkdir -p $(B)/deb
	tar -xzf $(B)/gamutmlp-$(version).tar.gz -C $(B)/deb
	mv $(B)/deb/gamutmlp-$(version)/packaging/debian $(B)/deb/gamutmlp-$(version)/
	cd $(B)/deb/gamutmlp-$(version) && dpkg-buildpackage -b -us -uc

clean:
	rm -rf $(B)

FORCE:
.PHONY: all wasm site cuda cuda-bench cuda-report test test-cross failures fuzz fuzz-report fuzz-corpus fuzz-msan fuzz-afl check demo bench bench-hdr pytorch survival readers edits letnet world install dist deb clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
