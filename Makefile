# Everything a fresh machine needs: python3 3.11+, a C++ compiler (for `demo` and `test`), the package registries.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
BASE := .venv/.base
ENV := .venv/.locked
NET := deploy/localnet/node_modules/.locked
APPVIEW := deploy/appview/node_modules/.locked
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header
ARGS ?=
DEAR := slow or postgres or network or realmodel or wheel
unexport PYTHONDONTWRITEBYTECODE  # hundreds of short processes run the same modules

.PHONY: help demo chat test quick lint mutants bench docs transcript lock dist clean

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(NET)  ## a real network on loopback, people, a bot: the whole way of a mention (ARGS=--json)
	@$(BIN)/scrubjay demo $(ARGS)

chat: $(BASE)  ## talk to it in the terminal
	@$(BIN)/scrubjay chat $(ARGS)

test: $(NET) $(APPVIEW)  ## all tests, fast ones first, with a real PDS, a real AppView and a real PostgreSQL
	@$(BIN)/pytest --numprocesses auto -m "not ($(DEAR))" $(ARGS) || [ $$? -eq 5 ]
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m "$(DEAR)" $(ARGS) || [ $$? -eq 5 ]

quick: $(ENV)  ## the fast tests, without Node and PostgreSQL, in under two minutes
	@$(BIN)/pytest --numprocesses auto --hypothesis-profile=quick -m "not ($(DEAR))" $(ARGS)

lint: $(ENV)  ## ruff, mypy strict, the floors of packages, the lock files against pyproject.toml
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/pytest --noconftest tests/test_lock.py

mutants: $(ENV)  ## seed each bug of the catalogue, and see its tests fail (ARGS="--area queue")
	@PYTHONPATH=.:tests $(BIN)/python -m mutants $(ARGS)

bench: $(NET)  ## all benchmarks, one JSON object each (DATA=conversations.jsonl.gz, SHARED=spaces.jsonl.gz)
	@$(BIN)/python -m benchmarks.turn --json
	@$(BIN)/python -m benchmarks.ingest --json
	@$(BIN)/python -m benchmarks.outside --json
	@$(BIN)/python -m benchmarks.crash --json
	@$(BIN)/python -m benchmarks.soak --json
	@$(BIN)/python -m benchmarks.month --json
	@$(BIN)/python -m benchmarks.hostile --json
	@$(BIN)/python -m benchmarks.limits --json
	@$(BIN)/python -m benchmarks.scale --json --people 100000
	@$(BIN)/python -m benchmarks.scale --json --people 100000 --db postgres
	@$(BIN)/python -m benchmarks.wordings --json
	@$(if $(DATA),$(BIN)/python -m benchmarks.memory --data $(DATA) --json,echo "memory's needs DATA=FILE" >&2)
	@$(if $(SHARED),$(BIN)/python -m benchmarks.governance --data $(SHARED) --json,echo "governance's needs SHARED=FILE" >&2)

docs: $(ENV)  ## write the tables of docs/ anew, from the code
	@$(BIN)/python tests/test_docs.py

transcript: $(NET) $(APPVIEW)  ## run the demo and a person's life, and write what is said into the pages
	@$(BIN)/python tests/test_docs.py transcript

lock: $(ENV)  ## write the lock files anew: what users install, and what only tests and benchmarks need
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	@$(COMPILE) --group dev --group bench --constraint requirements.lock --output-file requirements-dev.lock

dist: $(ENV)  ## build the source distribution and the wheel
	@$(BIN)/uv build --quiet --python $(BIN)/python --no-build-isolation --clear --out-dir dist

clean:  ## remove what was set up
	rm -rf .venv deploy/*/node_modules .localnet dist

$(BASE): requirements.lock requirements-dev.lock pyproject.toml
	@echo "setting up the locked environment ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "scrubjay needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/# via/p' requirements-dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement .venv/uv.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint requirements.lock --editable .
	@touch $@

$(ENV): $(BASE)
	@echo "adding what the demo and the tests need ..." >&2
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(NET): $(ENV) deploy/localnet/package-lock.json
	@echo "setting up the PDS on loopback (once; about three minutes, most of it compiling SQLite for Node) ..." >&2
	@$(BIN)/python -m bot.devnet.localnet install
	@touch $@

$(APPVIEW): $(ENV) deploy/appview/package-lock.json
	@$(BIN)/python -m bot.devnet.localnet install appview
	@touch $@
