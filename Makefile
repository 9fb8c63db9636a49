# 'make help' lists the targets.
CARGO  ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
# Where the shells look for completions.
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
# Where systemd looks for units; packagers have their own place.
UNITDIR ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
# The recorder's rules; a file that is there already is kept.
SYSCONFDIR ?= /etc
# Programs that nfm starts. It looks for them beside its own folder, so that they move along with it.
LIBEXECDIR ?= $(PREFIX)/libexec/nfm
# Profiles that whoever wants them copies to /etc/apparmor.d: guests' own have to be changed too.
APPARMORDIR ?= $(PREFIX)/share/apparmor/extra-profiles
# What others' programs take: rules of Prometheus, a dashboard, configurations.
INTEGRATIONSDIR ?= $(PREFIX)/share/nfm/integrations
# What takes debug information out of installed files; 'make install STRIP=true' leaves it in.
STRIP  ?= strip
# Brings what is missing to build and test; packagers, who have it, say SETUP=:
SETUP  ?= scripts/setup packages
# Where cargo puts things; a CARGO_TARGET_DIR in the environment counts.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# One version number: the library package's, in Cargo.toml.
VERSION = $(shell sed -n 's/^version *= *"\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOVERSION := 0
# The folders that 'make install' fills. It notes which of them it makes, for 'make uninstall' from this tree.
FOLDERS = "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/include" "$(DESTDIR)$(LIBDIR)/pkgconfig" \
    "$(DESTDIR)$(LIBDIR)/nfm/backends" "$(DESTDIR)$(MANDIR)/man1" "$(DESTDIR)$(MANDIR)/man3" \
    "$(DESTDIR)$(MANDIR)/man7" "$(DESTDIR)$(BASHDIR)" "$(DESTDIR)$(ZSHDIR)" "$(DESTDIR)$(FISHDIR)" \
    "$(DESTDIR)$(UNITDIR)" "$(DESTDIR)$(APPARMORDIR)" "$(DESTDIR)$(LIBEXECDIR)" \
    "$(DESTDIR)$(TMPFILESDIR)" "$(DESTDIR)$(SYSUSERSDIR)" "$(DESTDIR)$(SYSCONFDIR)/nfm" "$(DESTDIR)$(INTEGRATIONSDIR)"
FOLDERS_MADE = $(TARGET)/installed/$(subst /,+,$(DESTDIR)$(PREFIX))

.PHONY: help build release demo test test-symbols test-hostile test-kernels test-xen fuzz lint bench bench-files bench-frames bench-xen bench-peers \
    bench-scale bench-bindings bench-fleet bench-overhead bench-tricks bench-metrics engines soak install uninstall deb test-deb clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: release ## build the libraries, shared and static, the nfm command and the manual (release)
	"$(TARGET)/release/examples/manual" "$(TARGET)/manual"
	$(CARGO) rustc --release -p nfm --lib --crate-type staticlib \
	    --no-default-features --features capi

# Without the static library, which takes as long again. The program that makes the manual is built along:
# by itself it would have the crates in other combinations of features, and so all of them once more.
release:
	@$(SETUP)
	$(CARGO) build --release --workspace --lib --bins --example manual

demo: release ## start a real guest and show what nfm sees of it
	@scripts/with-lab scripts/demo

# nextest runs no documentation tests: these go first, so that the output ends
# with the summary of the main run.
test: ## run all tests, with real guests
	@$(SETUP)
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    $(CARGO) test --workspace --doc --quiet && \
	    scripts/with-lab $(CARGO) nextest run --workspace $(TESTARGS); \
	else \
	    scripts/with-lab $(CARGO) test --workspace $(TESTARGS); \
	fi

# The profile is a release's with checks of overflow. See fuzz/README.md.
test-hostile: ## crawl guests whose memory lies, 100,000 times
	@$(SETUP)
	scripts/with-lab $(CARGO) test --profile hostile --features fuzzing --test hostile -- $(HOSTILE)

fuzz: MINUTES ?= 10
fuzz: ## the same for so many MINUTES=, or with arguments in HOSTILE=
	@$(MAKE) --no-print-directory test-hostile HOSTILE="$(or $(HOSTILE),--minutes $(MINUTES) --seed $$$$)"
# Built as the hostile tests are, so that their crates serve both. 283 MB are fetched once: what cannot be had in three
# minutes is not waited for.
test-symbols: ## test symbols and types from files, by a kernel's debug package (fetched if need be)
	@$(SETUP)
	@if timeout 180 testing/lab/guest debug 6.1-cloud >/dev/null; then \
	    if $(CARGO) nextest --version >/dev/null 2>&1; then \
	        scripts/with-lab $(CARGO) nextest run --cargo-profile hostile -p nfm --features fuzzing --test symbols --run-ignored only --no-capture; \
	    else \
	        scripts/with-lab $(CARGO) test --profile hostile -p nfm --features fuzzing --test symbols -- --ignored --nocapture --test-threads=1; \
	    fi; \
	else \
	    echo "test-symbols: SKIPPED, 3 tests: the kernel's debug package is not cached and was not to be had in 3 minutes" >&2; \
	fi

# 10 minutes of one core and 153 MB, once.
test-kernels: ## test kernels that no distribution ships (built if need be)
	@$(SETUP)
	@for kernel in 6.12-up 6.12-rt; do \
	    testing/lab/guest files $$kernel >/dev/null 2>&1 || testing/lab/guest prepare $$kernel || exit 1; \
	done
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    scripts/with-lab $(CARGO) nextest run -p nfm --test field --test oracle --no-capture \
	        -E 'test(kernels::) | test(_rt) | test(without_variables)'; \
	else \
	    scripts/with-lab $(CARGO) test -p nfm --test field kernels:: -- --nocapture; \
	    scripts/with-lab $(CARGO) test -p nfm --test oracle -- --nocapture _rt without_variables; \
	fi

test-xen: ## test guests of Xen, on a Xen host under emulation
	@$(SETUP)
	tests/xen/test

bench-xen: ## measure guests of Xen, and one of QEMU on the same host
	scripts/with-lab tests/xen/test figures

lint: ## check format, lints, walls between packages, scripts, the C header, bindings, manual pages, the RPM spec
	@$(SETUP)
	@CARGO="$(CARGO)" scripts/lint $(CHECKS)

bench: ## run the benchmarks, with a real guest
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench crawl

bench-frames: ## 100,000 frames through one handle: whether it grows
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench crawl -- frames

bench-files: ## a file of 100 MB by its pages, against as many bytes of RAM
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench files

bench-peers: ## compare with drgn on the same guests (downloads 300 MB, once)
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench peers

bench-scale: ## frame time against processes, open time against RAM; draws docs/*.svg
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench scale

bench-fleet: ## 20 guests at 10 Hz from one process
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench fleet

bench-overhead: ## what crawling costs the guest
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench overhead

bench-metrics: ## a scrape of 100 synthetic guests against encoding them alone
	@$(SETUP)
	$(CARGO) bench -p nfm-exporter --bench scrape

bench-tricks: ## what each optimization gains, in pairs of frames with it and without
	@$(SETUP)
	scripts/with-lab $(CARGO) bench -p nfm --bench tricks

# pandas and pyarrow come from PyPI, into a folder of the build.
bench-bindings: ## the Python package against what it was before it had columns
	@$(SETUP)
	$(CARGO) build --release -p nfm --lib
	[ -e "$(TARGET)/bench-python/bin/python3" ] || python3 -m venv "$(TARGET)/bench-python"
	"$(TARGET)/bench-python/bin/python3" -c 'import pandas, pyarrow' 2>/dev/null || \
	    "$(TARGET)/bench-python/bin/pip" install -q pandas pyarrow
	NFM_LAB_PYTHON="$(TARGET)/bench-python/bin/python3" scripts/with-lab sh -ec ' \
	    testing/lab/guest up bindings >/dev/null; \
	    "$$NFM_LAB_PYTHON" benches/bindings.py "$(TARGET)/release/libnfm.so" nfm-test-bindings'

# DuckDB comes from PyPI, into a folder of the build.
engines: ## the frame store against DuckDB: a look for one time, a scan, bytes a row
	@$(SETUP)
	$(CARGO) build --release -p nfm-store --example synthetic
	[ -e "$(TARGET)/engines/bin/python3" ] || python3 -m venv "$(TARGET)/engines"
	"$(TARGET)/engines/bin/python3" -c 'import duckdb' 2>/dev/null || "$(TARGET)/engines/bin/pip" install -q duckdb
	rm -rf "$(TARGET)/engines/store"
	"$(TARGET)/release/examples/synthetic" write "$(TARGET)/engines/store" 10 3600 1
	"$(TARGET)/engines/bin/python3" crates/store/benches/engines.py "$(TARGET)/release/examples/synthetic" "$(TARGET)/engines/store"

soak: ## recorders that are killed, on disks that fail, fill and flip bits: ten times and more what CI does
	NFM_KILLS=100 NFM_READS=10000 NFM_FLIPS=1000 NFM_POWER_CUTS=30 $(CARGO) test --workspace --test kill --test damage --test power -- --nocapture
	NFM_SMALL_DISK_SECONDS=600 $(CARGO) test --workspace --test small_disk -- --nocapture

install: ## install what 'make build' built: DESTDIR=, PREFIX=, LIBDIR=
	@[ -e "$(TARGET)/release/libnfm.so" ] && [ -e "$(TARGET)/release/libnfm.a" ] && \
	    [ -e "$(TARGET)/release/nfm" ] && [ -e "$(TARGET)/manual" ] || \
	    { echo "install: nothing is built yet: run 'make build' first (as yourself)" >&2; exit 1; }
	@mkdir -p "$(TARGET)/installed"
	@for folder in $(FOLDERS); do \
	    until [ -d "$$folder" ]; do echo "$$folder"; folder=$$(dirname "$$folder"); done; \
	done >>"$(FOLDERS_MADE)"
	install -d $(FOLDERS)
	install -m 755 "$(TARGET)/release/nfm" "$(DESTDIR)$(PREFIX)/bin/nfm"
	install -m 755 "$(TARGET)/release/nfm-record" "$(TARGET)/release/nfm-exporter" "$(TARGET)/release/nfm-disk" \
	    "$(DESTDIR)$(LIBEXECDIR)/"
	install -m 644 include/nfm.h include/nfm-backend.h "$(DESTDIR)$(PREFIX)/include/"
	install -m 755 "$(TARGET)/release/libnfm_xen.so" "$(DESTDIR)$(LIBDIR)/nfm/backends/xen.so"
	install -m 755 "$(TARGET)/release/libnfm.so" "$(DESTDIR)$(LIBDIR)/libnfm.so.$(VERSION)"
	ln -sf "libnfm.so.$(VERSION)" "$(DESTDIR)$(LIBDIR)/libnfm.so.$(SOVERSION)"
	ln -sf "libnfm.so.$(SOVERSION)" "$(DESTDIR)$(LIBDIR)/libnfm.so"
	install -m 644 "$(TARGET)/release/libnfm.a" "$(DESTDIR)$(LIBDIR)/libnfm.a"
	$(STRIP) --strip-unneeded "$(DESTDIR)$(PREFIX)/bin/nfm" "$(DESTDIR)$(LIBDIR)/libnfm.so.$(VERSION)" \
	    "$(DESTDIR)$(LIBDIR)/nfm/backends/xen.so" "$(DESTDIR)$(LIBEXECDIR)/nfm-record" \
	    "$(DESTDIR)$(LIBEXECDIR)/nfm-exporter" "$(DESTDIR)$(LIBEXECDIR)/nfm-disk"
	$(STRIP) --strip-debug "$(DESTDIR)$(LIBDIR)/libnfm.a"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    packaging/nfm.pc.in >"$(DESTDIR)$(LIBDIR)/pkgconfig/nfm.pc"
	chmod 644 "$(DESTDIR)$(LIBDIR)/pkgconfig/nfm.pc"
	for section in 1 3 7; do \
	    cp -d --no-preserve=mode,ownership "$(TARGET)/manual/man/man$$section/"* "$(DESTDIR)$(MANDIR)/man$$section" || exit; \
	done
	install -m 644 "$(TARGET)/manual/completions/bash/nfm" "$(DESTDIR)$(BASHDIR)/nfm"
	install -m 644 "$(TARGET)/manual/completions/zsh/_nfm" "$(DESTDIR)$(ZSHDIR)/_nfm"
	install -m 644 "$(TARGET)/manual/completions/fish/nfm.fish" "$(DESTDIR)$(FISHDIR)/nfm.fish"
	sed 's|/usr/bin/nfm|$(PREFIX)/bin/nfm|' 'packaging/systemd/nfm-crawl@.service' \
	    >"$(DESTDIR)$(UNITDIR)/nfm-crawl@.service"
	chmod 644 "$(DESTDIR)$(UNITDIR)/nfm-crawl@.service"
	for unit in nfm-record nfm-exporter; do \
	    sed 's|/usr/libexec/nfm|$(LIBEXECDIR)|' "packaging/systemd/$$unit.service" \
	        >"$(DESTDIR)$(UNITDIR)/$$unit.service" && chmod 644 "$(DESTDIR)$(UNITDIR)/$$unit.service" || exit; \
	done
	install -m 644 integrations/prometheus/nfm.rules.yml integrations/prometheus/prometheus.yml \
	    integrations/prometheus/grafana.json integrations/prometheus/telegraf.conf "$(DESTDIR)$(INTEGRATIONSDIR)/"
	install -m 644 packaging/systemd/nfm.tmpfiles "$(DESTDIR)$(TMPFILESDIR)/nfm.conf"
	install -m 644 packaging/systemd/nfm.sysusers "$(DESTDIR)$(SYSUSERSDIR)/nfm.conf"
	[ -e "$(DESTDIR)$(SYSCONFDIR)/nfm/record.toml" ] || \
	    install -m 644 packaging/record/record.toml "$(DESTDIR)$(SYSCONFDIR)/nfm/record.toml"
	install -m 644 packaging/apparmor/usr.bin.nfm "$(DESTDIR)$(APPARMORDIR)/usr.bin.nfm"

uninstall: ## remove what 'make install' installed from the same place
	rm -f "$(DESTDIR)$(PREFIX)/bin/nfm" "$(DESTDIR)$(PREFIX)/include/nfm.h" \
	    "$(DESTDIR)$(PREFIX)/include/nfm-backend.h" "$(DESTDIR)$(LIBDIR)/nfm/backends/xen.so" \
	    "$(DESTDIR)$(LIBDIR)/libnfm.so.$(VERSION)" "$(DESTDIR)$(LIBDIR)/libnfm.so.$(SOVERSION)" \
	    "$(DESTDIR)$(LIBDIR)/libnfm.so" "$(DESTDIR)$(LIBDIR)/libnfm.a" \
	    "$(DESTDIR)$(LIBDIR)/pkgconfig/nfm.pc" \
	    "$(DESTDIR)$(MANDIR)"/man1/nfm.1 "$(DESTDIR)$(MANDIR)"/man1/nfm-*.1 \
	    "$(DESTDIR)$(MANDIR)"/man3/libnfm.3 "$(DESTDIR)$(MANDIR)"/man3/nfm_*.3 "$(DESTDIR)$(MANDIR)"/man3/NFM_*.3 \
	    "$(DESTDIR)$(MANDIR)/man7/nfm-security.7" "$(DESTDIR)$(BASHDIR)/nfm" \
	    "$(DESTDIR)$(ZSHDIR)/_nfm" "$(DESTDIR)$(FISHDIR)/nfm.fish" \
	    "$(DESTDIR)$(UNITDIR)/nfm-crawl@.service" "$(DESTDIR)$(UNITDIR)/nfm-record.service" \
	    "$(DESTDIR)$(UNITDIR)/nfm-exporter.service" "$(DESTDIR)$(LIBEXECDIR)/nfm-exporter" \
	    "$(DESTDIR)$(INTEGRATIONSDIR)/nfm.rules.yml" "$(DESTDIR)$(INTEGRATIONSDIR)/prometheus.yml" \
	    "$(DESTDIR)$(INTEGRATIONSDIR)/grafana.json" "$(DESTDIR)$(INTEGRATIONSDIR)/telegraf.conf" \
	    "$(DESTDIR)$(APPARMORDIR)/usr.bin.nfm" "$(DESTDIR)$(LIBEXECDIR)/nfm-record" "$(DESTDIR)$(LIBEXECDIR)/nfm-disk" \
	    "$(DESTDIR)$(TMPFILESDIR)/nfm.conf" "$(DESTDIR)$(SYSUSERSDIR)/nfm.conf"
	@# Rules that somebody changed stay.
	@! cmp -s packaging/record/record.toml "$(DESTDIR)$(SYSCONFDIR)/nfm/record.toml" || \
	    rm "$(DESTDIR)$(SYSCONFDIR)/nfm/record.toml"
	@# Folders that install made go where nothing else is in them by now, the innermost first.
	@[ ! -e "$(FOLDERS_MADE)" ] || sort -ru "$(FOLDERS_MADE)" | while read -r folder; do \
	    [ ! -d "$$folder" ] || rmdir --ignore-fail-on-non-empty "$$folder"; \
	done
	@rm -f "$(FOLDERS_MADE)"

deb: ## build the Debian packages into target/deb
	@$(SETUP)
	scripts/deb

test-deb: deb ## install the Debian packages into a bare root and use them there (as root)
	scripts/test-deb

clean: ## remove what cargo built, and the lab's guests
	$(CARGO) clean
	@! command -v virsh >/dev/null || [ "$$(id -u)" != 0 ] || testing/lab/guest down --all
