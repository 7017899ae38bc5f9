# The compendium's tasks. `make` prints them; the help text is the comment behind each target.
#
# Set-up is automatic: a local environment in .venv, made with uv where it is installed or can be
# installed into .venv, with pip otherwise, from requirements.lock, and again only when the lock or
# pyproject.toml changes. To use an environment that is active already: make reports PYTHON=python

MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
ifeq ($(origin PYTHON),undefined)
  PYTHON := $(VENV)/bin/python
  SETUP := $(VENV)/.installed
endif

# The package is found from every folder, also where an active environment has not installed it.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
export PYTHONUTF8 := 1
# Where HOME cannot be written, what would be kept there goes into the environment.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
  export HOME := $(CURDIR)/$(VENV)/home
endif
# Compiled bytecode halves the time of a build.
unexport PYTHONDONTWRITEBYTECODE

# A file's name reaches the shell as it was typed: make would run $(shell ...) in it.
override export COHORT := $(value COHORT)
override export BASE := $(value BASE)
override export SUBMISSIONS := $(value SUBMISSIONS)

# What the reports are made from, and what is published: the build leaves the same list behind, so
# that a look at the contents, not at time stamps, tells whether Python has anything to do.
SOURCES := data notebooks vlms requirements.lock reports
checksums = find $(SOURCES) -name '.?*' -prune -o -name __pycache__ -prune -o -type f -exec \
  $$(command -v sha256sum || echo shasum -a 256) {} + | LC_ALL=C sort

.PHONY: help reports cohort pdf lessons handout grade test test-all test-browser lint lab bench status \
  diff crate certificate api lock clean

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

reports: $(SETUP)  ## render every notebook whose inputs changed: reports/index.html
	@if [ -z "$(STRICT)" ] && $(checksums) | cmp -s - reports/.cache/checksums; then \
	  echo "Nothing changed: the reports are up to date, open reports/index.html."; \
	else $(PYTHON) -m vlms build $(if $(STRICT),--strict); fi

cohort: $(SETUP)  ## analyse a cohort of your own: make cohort COHORT=my.csv
	@if [ -z "$$COHORT" ]; then \
	  echo "Name the file: make cohort COHORT=my.csv" >&2; exit 2; fi
	@$(PYTHON) -m vlms report -- "$$COHORT"

pdf: reports  ## print every report as PDF with bookmarks (needs Chromium)
	@chromium=$$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { \
	  echo "Chromium prints the pages; install chromium or google-chrome first." >&2; exit 1; }; \
	for page in reports/*.html; do "$$chromium" --headless --no-sandbox --no-pdf-header-footer \
	  --generate-pdf-document-outline --print-to-pdf="$${page%.html}.pdf" "$$page" 2>/dev/null \
	  && echo "wrote $${page%.html}.pdf"; done

lessons: $(SETUP)  ## render the lessons only
	@$(PYTHON) -m vlms build --kind lesson

handout: $(SETUP)  ## write the lessons without solutions, to hand out: handouts/
	@$(PYTHON) -m vlms handout

grade: $(SETUP)  ## mark submitted lessons: make grade SUBMISSIONS=folder
	@if [ -z "$$SUBMISSIONS" ]; then \
	  echo "Name the folder: make grade SUBMISSIONS=folder" >&2; exit 2; fi
	@$(PYTHON) -m vlms grade -- "$$SUBMISSIONS"

test: $(SETUP)  ## check the style, and run all tests that are quick
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m pytest -n auto --dist loadfile -m "not slow and not browser"

test-all: $(SETUP)  ## run every test, also those that install, kill, wait or need a browser
	@$(PYTHON) -m pytest -n auto --dist loadfile -rs

test-browser: $(SETUP)  ## open the reports in a real browser (skipped where there is none)
	@$(PYTHON) -m pytest -m browser -rs

lint: $(SETUP)  ## correct the style of package, tests and notebooks
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

lab: $(SETUP)  ## open JupyterLab on the lessons; the other notebooks are beside them
	@$(PYTHON) -m jupyterlab $$([ "$$(id -u)" != 0 ] || echo --allow-root) notebooks \
	  --LabApp.default_url=/lab/tree/lessons

bench: $(SETUP)  ## measure speed and scale, as ratios in one run
	@for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(PYTHON) "$$bench" || exit 1; done

status: $(SETUP)  ## say which reports are fresh, and what made the others stale
	@$(PYTHON) -m vlms status

diff: $(SETUP)  ## compare verdicts and results with an earlier commit: make diff BASE=HEAD~1
	@$(PYTHON) -m vlms diff "$${BASE:-HEAD}"

crate: reports  ## write where every verdict comes from, for machines: ro-crate-metadata.json
	@$(PYTHON) -m vlms crate

certificate: reports  ## make all reports again in a clean clone: reports/certificate.md
	@$(PYTHON) -m vlms certificate

api: $(SETUP)  ## write pages on every public function: reports/api/index.html
	@$(PYTHON) docs/api.py

lock: ## pin every package anew from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --upgrade \
	  --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

clean:  ## remove the environment, the reports and all caches
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist *.egg-info ro-crate-metadata.json
	@find reports -mindepth 1 ! -name README.md -delete
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp holds the checksums of both files: a touched file installs nothing.
$(VENV)/.installed: requirements.lock pyproject.toml
	@if cat $^ | cksum | cmp -s - $@; then touch $@; else $(set-up); fi

quiet := --quiet --disable-pip-version-check
this-project := --no-deps --editable .
with-ours := --no-build-isolation --no-index $(this-project)

# Packages are built in uv's cache, or by pip in the environment: setuptools takes braces in that
# path for variables of its own.
define set-up
set -e; \
case $$PWD in *:*) \
  echo "This folder's path has a colon, which no search path can hold: move the project." >&2; \
  exit 1;; esac; \
case $$HOME in *$(VENV)/home) \
  UV_CACHE_DIR=$$(mktemp -d); export UV_CACHE_DIR; trap 'rm -rf "$$UV_CACHE_DIR"' EXIT;; esac; \
for python in python3 python3.13 python3.12 python3.11 python; do \
  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
    && break || python=; \
done; \
if [ -z "$$python" ]; then \
  echo "No Python 3.11, 3.12 or 3.13 was found; install one and run make again." >&2; exit 1; fi; \
if [ ! -x $(VENV)/bin/python ] || ! $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then \
  rm -rf $(VENV); \
  "$$python" -m venv $(VENV) 2>/dev/null \
    || { rm -rf $(VENV); uv venv --quiet --seed --python "$$python" $(VENV); } || { \
    echo "$$python cannot make a virtual environment; install its venv module." >&2; exit 1; }; fi; \
awk '/^[^ #]/ {uv = /^uv==/} uv' requirements.lock > $(VENV)/uv.txt; \
if $(VENV)/bin/python -m pip install $(quiet) --require-hashes --requirement $(VENV)/uv.txt \
     2>/dev/null \
   && echo "Installing the locked packages into $(VENV) with $$($(VENV)/bin/uv --version)." \
   && $(VENV)/bin/uv pip sync --quiet --require-hashes --compile-bytecode --python $(VENV) \
     requirements.lock \
   && { $(VENV)/bin/uv pip install --quiet --python $(VENV) $(with-ours) 2>/dev/null \
     || $(VENV)/bin/uv pip install --quiet --python $(VENV) $(this-project); }; then :; \
else \
  case $$PWD in *[{}]*) \
    echo "uv could not be used, and pip builds nothing in a path with braces: move the project." >&2; \
    exit 1;; esac; \
  echo "Installing the locked packages into $(VENV) with pip: uv could not be used."; \
  $(VENV)/bin/python -m pip install $(quiet) --require-hashes --requirement requirements.lock; \
  $(VENV)/bin/python -m pip install $(quiet) $(with-ours); fi; \
cat $^ | cksum > $@
endef
