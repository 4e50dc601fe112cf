# make                  build/gamutmlp (the command-line tool), build/quickstart, build/scene
# make test             everything that is checked; ends with "N passed, N failed"
# make fuzz SECONDS=60  every fuzz target for that long each, with clang's libFuzzer
# make demo             the whole way of one synthetic picture, in build/demo/
# make bench DATA=dir   the measurements of the README, on your pictures or the synthetic one; build/rate.svg
# make bench-hdr DATA=dir   HDR from SDR: pairs of pictures and Ultra HDR photographs in dir; build/hdr.svg
# make pytorch          gradients, preset paper and the speed of a step against PyTorch
# make survival         which carriers live through which tools, as a table
# make clean
#
# Packages that are missing are installed first where there is apt-get (scripts/deps.sh).

CC = gcc
CLANG = clang
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic
override CPPFLAGS += -I. -Iexamples/tool -D_POSIX_C_SOURCE=200809L
LIBS = -ljpeg -lpng -ltiff -llcms2 -ltinyexr -lpthread -lm
SECONDS = 60
DATA = $(wildcard ../shared/data)

B = build
headers := gamutmlp.h $(wildcard examples/tool/*.h tests/*.h fuzz/*.h)
tool := $(patsubst examples/%.c,%.o,$(wildcard examples/tool/*.c))

all: $(B)/gamutmlp $(B)/quickstart $(B)/scene

$(B)/gamutmlp: $(tool:%=$(B)/%)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
$(B)/tool/%.o: examples/tool/%.c $(headers) | $(B)/deps
	@mkdir -p $(@D)
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -c $< -o $@
$(B)/quickstart $(B)/scene: $(B)/%: examples/%.c gamutmlp.h | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $(LDFLAGS) $< -o $@ -lpng -lm

# Stamps: the packages are there. Remove the stamp (or make clean) to look again.
$(B)/deps:
	@mkdir -p $(@D)
	@scripts/deps.sh build
	@touch $@
$(B)/deps-test: | $(B)/deps
	@scripts/deps.sh test
	@touch $@

# Tests. Each program is built three ways: plain, under ASan and UBSan, and, where no library but
# cmocka takes part (the others are not instrumented), under MSan. Those that include a header of
# the tool get its objects. Each run leaves a log; scripts/summary.awk counts them.
tests := $(basename $(notdir $(wildcard tests/test_*.c)))
empty :=
tool_headers := $(subst $(empty) $(empty),|,$(notdir $(wildcard examples/tool/*.h)))
tool_tests := $(basename $(notdir $(shell grep -lE 'include "(examples/tool/)?($(or $(tool_headers),none))"' $(wildcard tests/test_*.c) /dev/null)))
lib_tests := $(basename $(notdir $(shell grep -lE 'include <(lcms2|png|zlib|jpeglib|tiffio|tinyexr)\.h>' $(wildcard tests/test_*.c) /dev/null)))
fuzz := $(filter-out fuzz_main,$(basename $(notdir $(wildcard fuzz/fuzz_*.c))))
scripts := $(wildcard tests/test_*.sh)

address = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
cc_plain = $(CC)
flags_plain = -O2 -g
cc_asan = $(CLANG)
flags_asan = -O1 -g $(address) -fsanitize=float-cast-overflow
cc_msan = $(CLANG)
flags_msan = -O1 -g -fsanitize=memory -fno-omit-frame-pointer

define variant
$(B)/$(1)/tool/%.o: examples/tool/%.c $(headers) | $(B)/deps-test
	@mkdir -p $$(@D)
	$$(cc_$(1)) -std=c99 $$(flags_$(1)) $$(CPPFLAGS) -c $$< -o $$@
$(B)/$(1)/test_%: tests/test_%.c $(headers) | $(B)/deps-test
	@mkdir -p $$(@D)
	$$(cc_$(1)) -std=c99 $$(flags_$(1)) $$(WARNINGS) $$(CPPFLAGS) $$(filter-out %.h,$$^) -o $$@ -lcmocka $$(LIBS)
$$(tool_tests:%=$(B)/$(1)/%): $$(filter-out %/main.o,$$(tool:%=$(B)/$(1)/%))
$(B)/log/$(1)-%.log: $(B)/$(1)/% FORCE
	@scripts/logged.sh $$@ $$<
endef
$(foreach v,plain asan msan,$(eval $(call variant,$(v))))

$(B)/replay/%: fuzz/%.c fuzz/fuzz_main.c $(headers) | $(B)/deps-test
	@mkdir -p $(@D)
	$(cc_asan) -std=c99 $(flags_asan) $(CPPFLAGS) $(filter-out %.h,$^) -o $@
$(B)/log/replay-%.log: $(B)/replay/% FORCE
	@scripts/logged.sh $@ $< $(wildcard $(patsubst fuzz_%,fuzz/seeds/%,$*) $(patsubst fuzz_%,fuzz/regress/%,$*))
$(B)/log/compile-%.log: FORCE | $(B)/deps-test
	@scripts/logged.sh $@ tests/compile/check.sh $*
$(B)/log/%.sh.log: tests/%.sh all FORCE
	@scripts/logged.sh $@ $<

logs := compile-gcc compile-clang compile-targets compile-bytes $(tests:%=plain-%) $(tests:%=asan-%) $(patsubst %,msan-%,$(filter-out $(lib_tests) $(tool_tests),$(tests))) \
        $(fuzz:%=replay-%) $(notdir $(scripts))
test: $(logs:%=$(B)/log/%.log)
	@awk -f scripts/summary.awk $^

$(B)/libfuzzer/%: fuzz/%.c $(headers) | $(B)/deps-test
	@mkdir -p $(@D)
	$(CLANG) -std=c99 -O1 -g $(address) -fsanitize=fuzzer $(CPPFLAGS) $(filter-out %.h,$^) -o $@
$(B)/replay/fuzz_ultrahdr $(B)/libfuzzer/fuzz_ultrahdr: examples/tool/ultrahdr_container.c
fuzz: $(fuzz:%=$(B)/libfuzzer/%)
	@for f in $(fuzz); do scripts/fuzz.sh $(B)/libfuzzer/$$f $(SECONDS) || exit 1; done

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
$(B)/libgamutmlp.so: tests/pytorch.c examples/tool/pool.c $(headers) | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) -shared -fPIC $(filter %.c,$^) -o $@ -lpthread
pytorch: $(B)/libgamutmlp.so all
	$(B)/scene $(B)/scene.png 640 480
	$(PYTHON) tests/pytorch.py gradient
	$(PYTHON) tests/pytorch.py paper $(B)/scene.png
	$(PYTHON) tests/pytorch.py step

$(B)/survival: tests/survival.c $(headers) | $(B)/deps
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $(CPPFLAGS) $< -o $@
survival: $(B)/survival
	@tests/survival.sh $<

clean:
	rm -rf $(B)

FORCE:
.PHONY: all test fuzz demo bench bench-hdr pytorch clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
