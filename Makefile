VENV := $(or $(TRAILTALLY_VENV),.venv)
BENCH_GB ?= 1
BENCH_FILES ?= 3000
DIST_PYTHONS ?= 3.11
DIST_MACHINES ?= x86_64,aarch64
TREE := build/example-tree
TABLES := build/example-tables

.DEFAULT_GOAL := help
.PHONY: help venv servers demo example test test-all lint types dist bench bench-plan bench-s3 docs lock clean

help:  ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "make %-10s %s\n", $$1, $$2 }'

venv:  ## make this machine ready: Java, Python, .venv
	@./bootstrap.sh

example: venv  ## make the built-in example tree in build/
	@$(VENV)/bin/python examples/make_tree.py $(TREE)

# The example tree has a bad file on purpose, so the job must end with 3: done, but not all could be read.
demo: example  ## run the job on the example tree and show the result
	@rm -rf $(TABLES)
	@command="$(VENV)/bin/spark-submit jobs/daily_aggregates.py --input $(TREE) --output $(TABLES)"; \
	echo "$$ $$command"; \
	status=0; $$command || status=$$?; \
	if [ $$status -ne 3 ]; then echo "demo: the job ended with $$status; expected was 3, as the example tree holds a bad file" >&2; exit 1; fi
	@echo "$$ $(VENV)/bin/trailtally show $(TABLES)"
	@$(VENV)/bin/trailtally show $(TABLES)

servers: venv  ## install the S3 server and the SQL engine that tests run against, where Go and Maven are there
	@TRAILTALLY_VENV=$(VENV) tests/s3/versitygw.sh
	@TRAILTALLY_VENV=$(VENV) tests/athena/trino.sh

test: venv servers  ## run the tests but for the slow ones
	@$(VENV)/bin/pytest -m "not slow"

test-all: venv servers  ## run all tests: the slow ones are more whole runs on Spark, and long sequences
	@$(VENV)/bin/pytest

lint: venv  ## check style
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run bootstrap.sh tests/*/*.sh; \
	else echo "shellcheck is not here: the shell scripts were not checked (apt-get install shellcheck)"; fi

types: venv  ## check types
	@$(VENV)/bin/mypy

dist: venv  ## build in dist/ what EMR needs: make dist DIST_MACHINES=aarch64
	@$(VENV)/bin/python -m trailtally.emr.dist --into dist --pythons $(DIST_PYTHONS) --machines $(DIST_MACHINES)

bench: venv  ## compare with Polars, DuckDB and Spark's reader: make bench BENCH_GB=6
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r conf/requirements-bench.lock
	@$(VENV)/bin/python benchmarks/compare.py --gigabytes $(BENCH_GB)

bench-plan: venv  ## plan a run over 1,000,000 files and a ledger of 3,000,000 in a heap of 1 GB
	@$(VENV)/bin/python benchmarks/plan.py

bench-s3: venv servers  ## compare with Spark's reader of S3 on many small files: make bench-s3 BENCH_FILES=30000
	@$(VENV)/bin/python benchmarks/compare_s3.py --files $(BENCH_FILES)

docs: venv  ## write what is declared in the code into README.md, conf/athena and conf/emr
	@$(VENV)/bin/python -m trailtally.tables.document README.md
	@$(VENV)/bin/python -m trailtally.athena.document conf/athena
	@$(VENV)/bin/python -m trailtally.emr.document conf/emr

# Python 3.11, the oldest: what it can take, 3.12 and 3.13 can too.
lock:  ## renew the pinned versions in conf/ (needs python3.11)
	@rm -rf build/lock && python3.11 -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check --upgrade setuptools '.[local,test]'
	@build/lock/bin/python -m pip freeze --all --exclude pip --exclude wheel --exclude trailtally > build/lock/main
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check polars duckdb
	@build/lock/bin/python -m pip freeze --all --exclude pip --exclude wheel --exclude trailtally > build/lock/all
	@{ grep '^#' conf/requirements.lock; cat build/lock/main; } > build/lock/new && cp build/lock/new conf/requirements.lock
	@{ grep '^#' conf/requirements-bench.lock; grep -vxFf build/lock/main build/lock/all; } > build/lock/new && cp build/lock/new conf/requirements-bench.lock

clean:  ## remove what was made, the venv too
	@rm -rf .venv .venv-spark35 build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse
