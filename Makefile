# Every target makes .venv by itself when it is missing or older than pyproject.toml.
PYTHON ?= python3
CORES ?= all
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help venv demo example test test-long lint format bench clean

help:
	@echo "make demo       run the whole workflow in small on this machine and say where the report is"
	@echo "make test       run the tests"
	@echo "make test-long  run the tests that take minutes"
	@echo "make lint       check style: ruff, snakefmt, snakemake --lint"
	@echo "make bench      print speed ratios, both sides in one process"
	@echo "make clean      remove .venv and the demo's results"

$(READY): pyproject.toml
	rm -f $@
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@

venv: $(READY)

demo: $(READY)
	snakemake --cores $(CORES) --quiet rules host reason
	@echo "The report: $(CURDIR)/results/report/report.html"

# The committed example: the demo's records and report, and the README's table rendered from them.
example: demo
	rm -rf examples/demo
	mkdir -p examples/demo
	cd results && cp -r --parents plan measure judge train/*/history.jsonl $(CURDIR)/examples/demo/
	rm -f examples/demo/measure/*/*/*.failed.json
	stylenat report --plan examples/demo/plan/plan.json --results examples/demo --out examples/demo/report --readme README.md

test: $(READY)
	python -m pytest -m "not long"

test-long: $(READY)
	python -m pytest -m long

lint: $(READY)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

format: $(READY)
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

bench: $(READY)
	for file in tests/bench/bench_*.py; do python $$file || exit 1; done

clean:
	rm -rf $(VENV) results .snakemake
