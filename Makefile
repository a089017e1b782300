# Every target makes .venv by itself when it is missing or older than pyproject.toml.
PYTHON ?= python3
CORES ?= all
BENCH_OUT ?= build/bench
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help venv demo example test test-long test-slurm test-browser lint format lock natten bench clean

help:
	@echo "make demo       run the whole workflow in small on this machine and say where the report is"
	@echo "make test       run the tests"
	@echo "make test-long  run the tests that take minutes"
	@echo "make test-slurm run the workflow on a SLURM that it starts on this machine, as root"
	@echo "make test-browser look at the report in headless Chromium, with axe-core from npm"
	@echo "make lint       check style: ruff, snakefmt, snakemake --lint"
	@echo "make lock       write requirements.lock anew from pyproject.toml"
	@echo "make bench      print speed ratios, both sides in one process, and write records to build/bench"
	@echo "make clean      remove .venv, what was built, and the demo's results"

$(READY): pyproject.toml
	rm -f $@
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@

venv: $(READY)

demo: $(READY)
	snakemake --cores $(CORES) --quiet rules host reason
	@echo "The report: $(CURDIR)/results/report/report.html"

# The committed example: the records, pictures and report of the demo, and the table of the README rendered from them.
example: demo
	rm -rf examples/demo
	mkdir -p examples/demo
	cd results && cp -r --parents plan measure judge simulate sample maps train/*/history.jsonl $(CURDIR)/examples/demo/
	find examples/demo -name "*.failed.json" -delete -o -name .snakemake_timestamp -delete
	stylenat report --plan examples/demo/plan/plan.json --results examples/demo --out examples/demo/report --readme README.md

# One process a core, each of one thread: far faster than one process of many threads, for the networks are small.
test: $(READY)
	OMP_NUM_THREADS=1 python -m pytest -m "not long and not slurm and not browser" -n logical --maxprocesses 4 \
	    --dist loadfile --no-loadscope-reorder

test-long: $(READY)
	python -m pytest -m long

# On a SLURM of one node, from Debian's packages; as root. SELECT=short leaves all but one run out.
SELECT ?= slurm
test-slurm: $(READY)
	python -m pytest -m $(SELECT) tests/slurm

# The report as its readers have it. Needs Debian's packages chromium and npm, and the npm registry for axe-core.
test-browser: $(READY)
	python -m pytest -m browser -rs tests/browser

lint: $(READY)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

format: $(READY)
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# All packages below the pins, with hashes, for Linux on x86-64. What is locked stays as it is unless a pin moves it.
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==0.13.9
	build/lock/bin/uv --no-config pip compile --quiet --generate-hashes --no-annotate --python-version 3.11 \
	    --python-platform x86_64-unknown-linux-gnu --custom-compile-command 'make lock' \
	    --output-file requirements.lock pyproject.toml

# natten 0.17.5's own CPU operators: tuned, to compare with, and as its own build leaves them. Some minutes each.
natten: $(READY)
	tests/bench/build_natten.sh $(VENV)/bin/python tuned
	tests/bench/build_natten.sh $(VENV)/bin/python stock

bench: $(READY) natten
	python tests/bench/bench_attention.py --out $(BENCH_OUT) --min-px 32 --sides natten tiled --name attention-256
	OMP_NUM_THREADS=1 python tests/bench/bench_attention.py --out $(BENCH_OUT) --min-px 32 --no-memory \
	    --sides natten tiled --name attention-256-one-thread
	python tests/bench/bench_attention.py --out $(BENCH_OUT) --sides reference flex tiled --name attention-256-torch
	python tests/bench/bench_attention.py --out $(BENCH_OUT) --natten stock --min-px 64 --max-px 64 --rounds 2 \
	    --sides natten tiled --name attention-256-stock
	python tests/bench/bench_attention.py --out $(BENCH_OUT) --model stylenat-ffhq-1024 --min-px 512 --rounds 2 \
	    --sides natten tiled --name attention-1024
	python tests/bench/bench_generator.py --out $(BENCH_OUT)
	python tests/bench/bench_networks.py --out $(BENCH_OUT)
	python tests/bench/bench_prepare.py --out $(BENCH_OUT)
	python tests/bench/bench_fid.py --out $(BENCH_OUT)
	python tests/bench/bench_training.py --out $(BENCH_OUT)
	python tests/bench/bench_training_gpu.py --out $(BENCH_OUT)
	python tests/bench/bench_gpu.py --out $(BENCH_OUT)
	python tests/bench/bench_workflow.py --out $(BENCH_OUT)

clean:
	rm -rf $(VENV) results build .snakemake
