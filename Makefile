# `make help` lists the targets. A fresh machine needs Python 3.11, make and the network, nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Until 3.11.8, two threads that draw carets under a traceback at once make Python refuse to parse.
PYTEST := PYTHONNODEBUGRANGES=1 $(BIN)/pytest
CHECKED := tests/contracts/test_translations.py tests/contracts/test_migrations.py
UV := $(shell sed -n 's/^ *\(uv==.*\)/\1/p' setup.cfg)
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard engage/translations/*/LC_MESSAGES/*.po))

READY := .venv/.installed static/vendor/manifest.json $(CATALOGUES)

# Node brings its own list of authorities; a company's network may need the system's.
export NODE_OPTIONS := --use-system-ca
export UV_NATIVE_TLS := 1
export UV_LINK_MODE := copy

##@ Running
run: $(READY) ## Install what is missing and start everything; Ctrl-C stops it
	@exec $(BIN)/engage up

demo: $(READY) ## Load the demo chain again into what runs
	@$(BIN)/engage demo

doctor: $(READY) ## Say what is wrong with this installation and how to mend it
	@$(BIN)/engage doctor

##@ Proving
test: $(READY) build/clients/.installed ## Run the tests against a real PostgreSQL and Valkey, but for those of `check`
	@$(PYTEST) tests -n 3 --dist loadgroup -m "not large" --ignore=tests/browser $(CHECKED:%=--ignore=%) $(ARGS)

check: $(READY) ## Lint, format, types, import contracts, translations, migrations
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@echo "ruff format" && $(BIN)/ruff format --quiet --check .
	@echo "mypy" && $(BIN)/mypy --no-error-summary
	@echo "import contracts" && mkdir -p build && $(BIN)/lint-imports > build/imports.txt || { cat build/imports.txt; exit 1; }
	@echo "translations, migrations" && \
		$(PYTEST) -n 2 --dist worksteal $(CHECKED)

browser: $(READY) build/chromium/fonts.conf ## Run the browser tests, each page in one look; ARGS="-m large" the other looks
	@$(PYTEST) -n 2 --dist worksteal -m "not large" tests/browser $(ARGS)

race: $(READY) ## Run the races, each with the control that must fail
	@$(PYTEST) tests/concurrency $(ARGS)

faults: $(READY) ## Run the fault batteries at full size
	@$(PYTEST) tests/faults $(ARGS)

bench: $(READY) ## Run the benchmarks; each prints one table
	@$(BIN)/python -m bench

screenshots: $(READY) build/chromium/fonts.conf ## Take the pictures of the main pages
	@$(BIN)/python -m tests.browser.screenshots

##@ Keeping
format: $(READY) ## Sort imports and format
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

translations: $(READY) ## Gather the texts of code and templates into the catalogues
	@mkdir -p build && $(BIN)/pybabel --quiet extract --mapping=babel.cfg --keyword=N_ --no-location --no-wrap --sort-output \
		--output-file=build/messages.pot .
	@for po in engage/translations/*/LC_MESSAGES/messages.po; do \
		$(BIN)/pybabel --quiet update --input-file=build/messages.pot --output-file=$$po --no-fuzzy-matching \
			--no-wrap --ignore-obsolete --locale=zh_Hans; done

locks: $(READY) ## Write the locks again after a change of setup.cfg or package.json
	@$(BIN)/uv pip compile --quiet setup.cfg --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -o requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet setup.cfg --extra dev -c requirements/runtime.txt --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt
	@$(BIN)/uv pip compile --quiet tests/clients/requirements.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o tests/clients/requirements.txt
	@for folder in . tests/clients; do \
		PATH="$(CURDIR)/$(BIN):$$PATH" npm install --prefix $$folder --package-lock-only --loglevel=error \
			--omit-lockfile-registry-resolved; done

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# Set-up: each step leaves a mark and is done again only when what it depends on is newer.

.venv/.installed: requirements/dev.txt setup.cfg pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || { echo "making .venv"; "$(PYTHON)" -m venv .venv || { rm -rf .venv; exit 1; }; }
	@echo "installing Python packages (about 30 s the first time) …"
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -qq --disable-pip-version-check "$(UV)" || true
	@if $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt; then \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e . --config-setting editable_mode=compat; \
	else \
		echo "uv could not; trying pip (about a minute) …"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e . \
			--config-settings editable_mode=compat; \
	fi
	@mkdir -p build && touch $@

node_modules/.installed: package-lock.json .npmrc | .venv/.installed
	@echo "installing front-end packages (about 10 s) …"
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --silent \
		|| PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --loglevel=error
	@touch $@

static/vendor/manifest.json: node_modules/.installed static/icons.txt sandbox/static/icons.txt engage/cli/assets.py
	@$(BIN)/python -m engage.cli.assets

build/chromium/fonts.conf: node_modules/.installed engage/cli/chromium.py
	@echo "setting up the browser of the tests (about 10 s) …"
	@$(BIN)/python -m engage.cli.chromium

# WeChat libraries of others, which tests/clients calls: an environment apart, no dependency of ours.
build/clients/.installed: $(addprefix tests/clients/,requirements.txt package.json package-lock.json) .npmrc \
		| .venv/.installed
	@echo "installing the WeChat libraries that the tests call (about 5 s) …"
	@rm -rf build/clients && mkdir -p build/clients
	@$(BIN)/python -m venv --without-pip build/clients/python
	@$(BIN)/uv pip sync --quiet --python build/clients/python --require-hashes tests/clients/requirements.txt \
		|| $(BIN)/python -m pip --python build/clients/python install --quiet --disable-pip-version-check \
			--require-hashes -r tests/clients/requirements.txt
	@cp tests/clients/package.json tests/clients/package-lock.json .npmrc build/clients/
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix build/clients --loglevel=error > build/clients/npm.log 2>&1 \
		|| { cat build/clients/npm.log; exit 1; }
	@touch $@

%.mo: %.po | .venv/.installed
	@$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@

.PHONY: run demo doctor test check browser race faults bench screenshots format translations locks help
