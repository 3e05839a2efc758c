# Each target makes .venv on first use, from the pinned requirements, and goes.
#   make report   both studies on the real data            CONFIG=configs/surrogate.yaml adds an overlay
#   make plan     what make report would run: why, how many jobs of each stage, about how long
#   make demo     the whole workflow on generated images, without network
#   make try      after `snakemake export`: serves pages to this machine on which the exported systems are tried
#   make test     unit and workflow tests, in about a quarter of an hour
#   make test-runs    whole runs: several labels at once, a folder of pictures, ablations, two from scratch compared; with
#                 MEDMNIST_DATA=folder also real data from end to end
#   make test-faults  kills, full disks, broken networks, damaged files, other people's files, and what survives them
#   make test-changes  every change, made one after another, and what it runs again (make test asks the plan only)
#   make test-all all four
#   make test-short   of the last three what fits into the continuous integration, with what they share made once
#   make browser  adds to .venv what drives the machine's Chromium, so that tests open the page in it
#   make test-page    only those tests
#   make test-oldest  uses of Snakemake's private interfaces, and the plans, with the oldest Snakemake that is supported
#   make slurm    adds to .venv what submits jobs to Slurm (docs/clusters.md)
#   make kubernetes   likewise for Kubernetes and buckets
#   make test-kubernetes  what profiles/kubernetes asks a cluster for, held against the published schema
#   make gpu      adds to .venv the libraries with which TensorFlow computes on an NVIDIA GPU (Linux)
#   make notebook adds to .venv what runs docs/notebook.ipynb
#   make optuna   likewise what proposes the points of `sweep.py --trials`
#   make publish  likewise MLflow and the Hugging Face Hub's library, which read what publish.py writes
#   make test-fuzz    mutated files, overlays, model packages and pictures, for FUZZ_SECONDS (600) each
#   make fuzz     adds to .venv what it needs
#   make test-slurm   runs through Slurm, on a cluster of one machine that is started for them and stopped
#   make pictures  those of README and documentation, of the run in RESULTS (results); needs Chromium
#   make docs     the documentation as a site, docs/_build/index.html; adds to .venv what makes it; warnings are errors
#   make schema   what follows from the models of config.yaml: its schema for editors, the tables of docs/configuration.md
#   make lint     ruff, mypy (the library's types), snakefmt, codespell, snakemake --lint, and make docs
#   make bench    after `make report`: what things cost beside what one would write without them (docs/performance.md)
#   make bench-large  memory of every stage with 165,000 small and 20,000 large images (docs/memory.md)
#   make pins     compile requirements.txt anew from requirements.in

CORES ?= 8
CONFIG ?=
# Snakemake itself answers a name that is mistyped with a traceback.
$(foreach file,$(filter-out $(wildcard $(CONFIG)),$(CONFIG)),$(error CONFIG=$(file): there is no such file))
# The first Python that the pinned requirements fit.
SUITABLE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(SUITABLE)' 2>/dev/null && { echo "$$p"; break; }; done)
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
# Two test processes, a file of tests at a time, those that run the workflow first: they take the longest. With more than
# one thread each, those of BLAS wait for each other on two cores.
PYTEST = OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=60 --durations-min=5
TESTS ?= not slow and not slurm
# On a terminal a bar for each stage, elsewhere lines for each job. (GNU make before 4.1 does not tell.)
SNAKEMAKE = .venv/bin/snakemake $(if $(MAKE_TERMERR),--logger rich) -j $(CORES)

.PHONY: report plan demo try test test-runs test-faults test-changes test-all test-short test-page test-oldest test-slurm test-kubernetes test-fuzz fuzz browser slurm kubernetes gpu notebook optuna publish pictures docs schema lint bench bench-large pins

report: .venv/ready
	$(SNAKEMAKE) report $(if $(CONFIG),--configfile $(CONFIG))

plan: .venv/ready
	@.venv/bin/snakemake -n report $(if $(CONFIG),--configfile $(CONFIG)) --quiet

demo: .venv/ready
	$(SNAKEMAKE) report --configfile configs/demo.yaml

try: .venv/ready
	@.venv/bin/python workflow_scripts/try_systems.py

test: .venv/ready
	$(PYTEST) -m "$(TESTS)"

FAULTS = tests/workflow/test_faults.py tests/workflow/test_kills.py tests/workflow/test_promises.py
CHANGES = tests/workflow/test_changes.py

test-runs: .venv/ready
	$(PYTEST) -m slow $(FAULTS:%=--ignore %) --ignore $(CHANGES)

test-faults: .venv/ready
	$(PYTEST) -m slow $(FAULTS)

test-changes: .venv/ready
	$(PYTEST) $(CHANGES)

test-all: test test-runs test-faults test-changes

test-short: .venv/ready
	$(PYTEST) -m "slow and not long"

test-page: browser
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
		echo "The page is tested in a browser, and there is none: install Chromium." >&2; exit 1
	.venv/bin/python workflow_scripts/try_systems.py --fetch
	.venv/bin/python -m pytest tests/workflow/test_page_in_browser.py tests/unit/test_try_in_browser.py

SLURM_TESTS ?= slurm
# Says in one line what is missing where there is no Slurm.
test-slurm: slurm
	@.venv/bin/python tests/workflow/slurm_cluster.py
	.venv/bin/python -m pytest -m "$(SLURM_TESTS)" tests/workflow/test_slurm.py

FUZZ_SECONDS ?= 600

test-oldest: .venv/oldest/ready
	PYTHONPATH=.venv/oldest .venv/bin/snakemake --version
	PYTHONPATH=.venv/oldest .venv/bin/python -m pytest tests/unit/test_snakemake_compat.py tests/workflow/test_dag.py

.venv/oldest/ready: requirements-oldest.txt .venv/ready
	$(PIP) --target .venv/oldest --upgrade -r requirements-oldest.txt
	@touch $@

test-fuzz: fuzz
	.venv/bin/python tests/fuzz/fuzz.py --seconds $(FUZZ_SECONDS)

fuzz: .venv/ready
	$(PIP) -r requirements-fuzz.txt

slurm: .venv/ready
	$(PIP) -r requirements-slurm.txt

kubernetes: .venv/ready
	$(PIP) -r requirements-kubernetes.txt

test-kubernetes: kubernetes
	.venv/bin/python -m pytest tests/workflow/test_kubernetes.py

gpu: .venv/ready
	$(PIP) -r requirements-gpu.txt

browser: .venv/ready
	$(PIP) -r requirements-browser.txt

notebook optuna publish: .venv/ready
	$(PIP) -r requirements-$@.txt

RESULTS ?= results

pictures: browser
	.venv/bin/python docs/pictures.py --results $(RESULTS)

docs: .venv/ready
	$(PIP) -r requirements-docs.txt
	.venv/bin/sphinx-build -W --keep-going -q -b html docs docs/_build

schema: .venv/ready
	.venv/bin/python schemas/generate.py

lint: docs
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/snakefmt --check Snakefile rules
	.venv/bin/codespell
	.venv/bin/python tests/lint_workflow.py

bench: .venv/ready
	.venv/bin/python benchmarks/run.py $(if $(CONFIG),--configfile $(CONFIG))

bench-large: .venv/ready
	.venv/bin/python benchmarks/large.py

pins: .venv/ready
	.venv/bin/python -m pip install --quiet uv
	$(COMPILE) --overrides pins-overrides.txt --no-emit-package torch --no-emit-package torchvision \
		requirements.in -o requirements.txt
	$(COMPILE) requirements-browser.in -o requirements-browser.txt
	$(COMPILE) requirements-docs.in -o requirements-docs.txt
	$(COMPILE) --no-deps requirements-fuzz.in -o requirements-fuzz.txt
	$(foreach name,notebook optuna publish,$(COMPILE) requirements-$(name).in -o requirements-$(name).txt &&) true
	$(COMPILE) --no-deps requirements-oldest.in -o requirements-oldest.txt
	$(COMPILE) --no-deps requirements-slurm.in -o requirements-slurm.txt
	$(COMPILE) --overrides pins-overrides.txt requirements-kubernetes.in -o requirements-kubernetes.txt
	$(COMPILE) requirements-gpu.in -o requirements-gpu.txt

.venv/ready: requirements.txt
	@"$(or $(PYTHON),python3)" -c '$(SUITABLE)' 2>/dev/null || { \
		echo "MedMNIST Fusion needs Python 3.11, 3.12 or 3.13; '$(or $(PYTHON),python3)' is not. Name one: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@test ! -L .venv && { test ! -e .venv || test -e .venv/.made || test -e .venv/ready; } || { \
		echo ".venv is not an environment that make made: move it elsewhere; make then makes its own." >&2; exit 1; }
	"$(PYTHON)" -m venv --clear .venv
	@touch .venv/.made
	$(PIP) -r requirements.txt
	@touch $@
