VENV := $(or $(TRAILTALLY_VENV),.venv)
BENCH_GB ?= 1
BENCH_FILES ?= 3000
DIST_PYTHONS ?= 3.11
DIST_MACHINES ?= x86_64,aarch64
TREE := build/example-tree
TABLES := build/example-tables
SPARK_TABLES := build/example-tables-spark
# --universal: macOS and Linux, Python 3.11 (what it can take, 3.12 and 3.13 can too) to 3.13.
COMPILE := build/uv/bin/uv pip compile --quiet --upgrade --generate-hashes --custom-compile-command "make lock" --no-annotate --fork-strategy fewest \
	--python-version 3.11 pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help venv test-venv spark-venv all-venv example demo spark servers test test-all lint types dist bench bench-cliffs \
	bench-plan bench-s3 docs lock clean

help:  ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

venv:  ## make .venv with this package: no Java, no Spark
	@./bootstrap.sh

test-venv:
	@./bootstrap.sh --test

spark-venv:
	@./bootstrap.sh --spark

all-venv:
	@./bootstrap.sh --test --spark

example: venv  ## make the built-in example tree in build/
	@$(VENV)/bin/python examples/make_tree.py $(TREE)

# Run a command that must end with 3: the example tree has a bad file on purpose.
define run_example
	@rm -rf $(2)
	@command="$(1) --input $(TREE) --output $(2)"; \
	echo "$$ $$command"; \
	status=0; $$command || status=$$?; \
	if [ $$status -ne 3 ]; then echo "make: the run ended with $$status; expected was 3, as the example tree holds a bad file" >&2; exit 1; fi
	@echo "$$ $(VENV)/bin/trailtally show $(2)"
	@$(VENV)/bin/trailtally show $(2)
endef

demo: example  ## run on the example tree, without Spark, and show the result
	$(call run_example,$(VENV)/bin/trailtally run,$(TABLES))
	@echo
	@echo "Go on: $(VENV)/bin/trailtally report $(TABLES) --into build/report.html"
	@echo "       $(VENV)/bin/trailtally sql $(TABLES)"

spark: spark-venv example  ## add Java and Spark to .venv, and run on the example tree by spark-submit
	$(call run_example,$(VENV)/bin/spark-submit jobs/daily_aggregates.py,$(SPARK_TABLES))

servers: test-venv  ## install the S3 server, the SQL engine and the browser that tests run against, where that is possible
	@TRAILTALLY_VENV=$(VENV) tests/s3/versitygw.sh
	@TRAILTALLY_VENV=$(VENV) tests/athena/trino.sh
	@tests/report/chromium.sh

test: all-venv servers  ## run the tests but for the slow ones
	@$(VENV)/bin/pytest -m "not slow"

test-all: all-venv servers  ## run all tests: the slow ones are more whole runs on Spark, and long sequences
	@$(VENV)/bin/pytest

lint: test-venv  ## check style
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/shellcheck .ci/run bootstrap.sh tests/*/*.sh

types: all-venv  ## check types
	@$(VENV)/bin/mypy

dist: venv  ## build in dist/ what EMR needs: make dist DIST_MACHINES=aarch64
	@$(VENV)/bin/python -m trailtally.emr.dist --into dist --pythons $(DIST_PYTHONS) --machines $(DIST_MACHINES)

# DuckDB and Polars have a venv of their own: what is measured runs in the one that users have.
bench: spark-venv  ## compare with DuckDB and Polars, and measure small trees: make bench BENCH_GB=6
	@$(VENV)/bin/python -m venv build/bench-venv
	@build/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r conf/requirements-bench.lock
	@$(VENV)/bin/python benchmarks/compare.py --gigabytes $(BENCH_GB) --peers-python build/bench-venv/bin/python
	@$(VENV)/bin/python benchmarks/small.py

bench-cliffs: venv  ## measure trees of one awkward kind: many tiny files, one huge file, a long history
	@$(VENV)/bin/python benchmarks/cliffs.py

bench-plan: venv  ## plan a run over 1,000,000 files and a ledger of 3,000,000
	@$(VENV)/bin/python benchmarks/plan.py

bench-s3: all-venv servers  ## compare with Spark's reader of S3 on many small files: make bench-s3 BENCH_FILES=30000
	@$(VENV)/bin/python benchmarks/compare_s3.py --files $(BENCH_FILES)
	@$(VENV)/bin/python benchmarks/new_hour_s3.py
	@$(VENV)/bin/python benchmarks/list_s3.py

docs: venv  ## write what is declared in the code into README.md, conf/athena and conf/emr
	@$(VENV)/bin/python -m trailtally.tables.document README.md
	@$(VENV)/bin/python -m trailtally.athena.document conf/athena
	@$(VENV)/bin/python -m trailtally.emr.document conf/emr

# A cluster's nodes get the packages and pandas, which Spark wants there, and never Spark itself. Their lock has no markers of
# platforms: pip would read them for the machine that builds, not for the node.
lock: venv  ## renew the pinned versions in conf/requirements*.lock
	@$(VENV)/bin/python -m venv build/uv
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	@echo 'setuptools>=77' | $(COMPILE) - --universal --extra report --output-file conf/requirements.lock
	@$(COMPILE) --universal --extra report --extra spark --constraint conf/requirements.lock --output-file conf/requirements-spark.lock
	@$(COMPILE) --universal --extra test --constraint conf/requirements-spark.lock --output-file conf/requirements-test.lock
	@$(COMPILE) --universal --extra bench --constraint conf/requirements-spark.lock --output-file conf/requirements-bench.lock
	@echo pandas | $(COMPILE) - --python-platform linux --extra sql --constraint conf/requirements-spark.lock --output-file conf/requirements-emr.lock

clean:  ## remove what was made, the venv too
	@rm -rf .venv .venv-spark35 build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse
