# Everything from a fresh clone needs Python 3.11 or later, make and git on the PATH; nothing else of
# the caller's surroundings is used, except where pip was told to fetch packages from.
#
#   make run     set up, start the archive in ./data, fill it with a sample plant on first start
#   make test    set up, run the tests                        make test ARGS='-k ladder -x'
#   make check   the static guards: lint, format, types, import contracts, docs
#   make flips   change every byte of a small archive, and see who notices (half an hour)
#   make fuzz    a coverage-guided fuzzer on every parser     make fuzz SECONDS=60 FORMATS='note leaf'
#   make mutation   whether the tests notice changed code     make mutation MUTANTS='archive.evidence.note*'
#   make verifier   dist/liuhen-verify.pyz and dist/verify.html: to check bundles elsewhere
#   make bench   compare with the yardsticks                  make bench SIZE=full
#   make lock    renew the hashed locks                       make lock UPGRADE=--upgrade
#   make clean   remove what was set up; never ./data

PYTHON := python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS := 2
ARGS :=
SIZE := laptop
SECONDS := 600
FORMATS :=
MUTANTS :=
UPGRADE :=
# A release younger than this may still turn out to be broken or hijacked.
COOL_DOWN := 7 days

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONHOME PYTHONPATH PYTEST_ADDOPTS CONDA_PREFIX

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# uv does not read pip's settings: hand on the ones that say where packages come from.
ifneq ($(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifneq ($(PIP_EXTRA_INDEX_URL),)
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
ifneq ($(PIP_FIND_LINKS),)
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
# Behind a company's own authority the system's certificates are the ones to trust, as newer pips do too.
export UV_SYSTEM_CERTS ?= true
ifneq ($(PIP_CERT),)
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

# Where uv is not to be had or cannot reach its index, pip does the same more slowly.
by_uv_or_pip = @{ [ -x $(BIN)/uv ] && $(BIN)/uv pip install -q $(1); } \
  || { echo "plain pip instead of uv" >&2; $(BIN)/python -m pip install -q $(1); }

define install
	$(call by_uv_or_pip,--require-hashes -r $(1))
	$(call by_uv_or_pip,--no-deps --no-build-isolation -e .)
	@touch $@
endef

.PHONY: run test check lint format types arrows docs flips fuzz mutation verifier bench lock clean
.DELETE_ON_ERROR:

run: $(VENV)/.runtime
	LIUHEN_DATA="$${LIUHEN_DATA:-data}" $(BIN)/liuhen serve --sample $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: lint format types arrows docs

lint: $(VENV)/.dev
	$(BIN)/ruff check .

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

arrows: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/project $(wildcard tests/docs)

# Each worker makes an archive of its own; PostgreSQL's and SQLite's take about as long.
flips: $(VENV)/.dev
	$(BIN)/python -m pytest tests/threats/test_flips.py --flips -n $(WORKERS) \
	  -o faulthandler_timeout=0 $(ARGS)

fuzz: $(VENV)/.hunt
	$(BIN)/python -m tests.hunting.fuzzing --seconds $(SECONDS) $(FORMATS)

# It goes on where it stopped; what survived is listed, and `.venv/bin/mutmut show NAME` shows it.
mutation: $(VENV)/.hunt
	-HYPOTHESIS_PROFILE=ci timeout $(SECONDS) $(BIN)/mutmut run --max-children $(WORKERS) $(MUTANTS)
	@$(BIN)/mutmut results | grep -v ': not checked$$' || true

# Nothing is set up for it: it packs what is here with Python alone.
verifier:
	$(PYTHON) -m archive.evidence.packing dist

bench: $(VENV)/.dev
	$(BIN)/liuhen bench --size $(SIZE) $(ARGS)

lock: $(VENV)/.made
	@echo uv | $(call compile,requirements-setup.txt) -
	@$(call compile,requirements.txt) pyproject.toml --group build
	@$(call compile,requirements-dev.txt) pyproject.toml --group dev -c requirements.txt
	@$(call compile,requirements-hunt.txt) pyproject.toml --group build --group hunt -c requirements-dev.txt
	@$(call compile,requirements-s3.txt) pyproject.toml --group build --extra s3 -c requirements-dev.txt

# Hashes but no addresses and no index: where packages come from is each machine's own business.
compile = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
  --exclude-newer '$(COOL_DOWN)' --custom-compile-command 'make lock' $(UPGRADE) -o $(1)

clean:
	rm -rf $(VENV) build dist mutants *.egg-info .cache .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made: requirements-setup.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 has no venv here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install -q --require-hashes -r requirements-setup.txt \
	  || echo "no uv here: plain pip will do" >&2
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements.txt pyproject.toml
	$(call install,requirements.txt)

$(VENV)/.dev: $(VENV)/.made requirements-dev.txt pyproject.toml
	$(call install,requirements-dev.txt)

# Only for hunting: a fuzzer and a tool that changes code. No other target asks for them.
$(VENV)/.hunt: $(VENV)/.dev requirements-hunt.txt
	$(call by_uv_or_pip,--require-hashes -r requirements-hunt.txt)
	@touch $@
