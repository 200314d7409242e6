# The two commands are `make run` and `make test`. All paths are relative, so that a directory with
# spaces in its name works.

PYTHON ?= python3
PORT ?= 8000
PY := .venv/bin/python
FLOORS := storage forum federation web server

# The second start finds compiled files, whatever the shell of whoever types says.
unexport PYTHONDONTWRITEBYTECODE

# A demo keeps the address it was made with.
DEMO := $(if $(filter 8000,$(PORT)),demo,.demo-$(PORT))

.PHONY: help install run two test check conformance peers bench lock

help:
	@echo "make run      a seeded demo at http://localhost:8000 (PORT=… for another port)"
	@echo "make test     everything that CI checks"
	@echo "make check    the part of it that takes seconds: ruff and mypy"
	@echo "make conformance  writes docs/conformance.md anew, from the names of the tests"
	@echo "make install  only the virtual environment, in .venv; then .venv/bin/dazzle --help"
	@echo "make two      two seeded servers on loopback that federate"
	@echo "make peers    what the tests with Node need, by npm"
	@echo "make bench    measures, and writes to bench/"
	@echo "make lock     pins the dependencies of pyproject.toml anew"

install: .venv/installed

run: .venv/installed
	@exec env -u DAZZLE_DATABASE_URL DAZZLE_DATA_DIR=$(DEMO) \
	  DAZZLE_BIND=127.0.0.1:$(PORT) DAZZLE_ORIGIN=http://localhost:$(PORT) \
	  $(PY) -m server serve --demo

two: .venv/installed
	@exec $(PY) -m server.two

test: check
	@$(PY) -m pytest -n 2 --dist loadfile

check: .venv/installed-dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

conformance: .venv/installed-dev
	@$(PY) -m tests.conformance

bench: .venv/installed-dev
	@exec $(PY) -m bench

peers:
	npm ci --prefix tests/peers --no-audit --no-fund

lock: .venv/installed
	$(PY) -m pip install --quiet pip-tools
	.venv/bin/pip-compile --quiet --extra embedded $(PIP_COMPILE) -o requirements.lock pyproject.toml
	.venv/bin/pip-compile --quiet --extra embedded --extra dev -c requirements.lock \
	  $(PIP_COMPILE) -o requirements-dev.lock pyproject.toml

# The locks name no index: whoever installs says where from.
PIP_COMPILE := --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-options \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Dazzle needs Python 3.11 or newer (PYTHON=… chooses one)." >&2; exit 2; }
	@$(PYTHON) -m venv .venv \
	  || { rm -rf .venv; echo "Python cannot make a virtual environment (Debian: python3-venv)." >&2; exit 2; }

.venv/installed: requirements.lock | .venv/bin/python
	@echo "Installing what Dazzle needs into .venv …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m compileall -q $(FLOORS)
	@ln -sf ../../dazzle .venv/bin/dazzle
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing what the tests need into .venv …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
