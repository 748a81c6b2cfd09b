# Two commands do everything by themselves, on Debian with Python 3.11 or newer:
#   make demo   enlarges a photo; its environment .venv has no torch, and .venv/bin/rgtsr stays
#   make test   all checks and all tests, against the installed wheel; its environment is .venv-test
PYTHON ?= python3
SOURCES := pyproject.toml hatch_build.py $(shell find src page-parts -type f \
	-not -name '*.pyc' -not -path '*/page/parts/*' -not -path '*/node_modules/*')
PIP_QUIET := --quiet --disable-pip-version-check
PYTEST_ARGS ?=

.PHONY: demo test check tests format clean pages standing

demo: .venv/ready
	.venv/bin/rgtsr compare demo/demo-astronaut.png -o demo-output/demo-astronaut-compared.png --save-panels demo-output

test: check tests

# What needs no run: style, types, layers.
check: .venv-test/ready
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/pyright --pythonpath .venv-test/bin/python
	PYTHONPATH=src .venv-test/bin/lint-imports

# The tests run against the installed wheel: PYTHONPATH and the working folder hold no rgtsr.
# Two files at a time: most wait for a process of their own; so threads may not wait in a loop.
tests: .venv-test/wheel
	RGTSR_TEST_INSTALLED=1 PYTHONPATH= OMP_WAIT_POLICY=PASSIVE .venv-test/bin/python -P -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

format: .venv-test/ready
	.venv-test/bin/ruff check --fix
	.venv-test/bin/ruff format

# Every table and plot of the pages, from the result files; $(PUBLISHED) is not in the repository.
PUBLISHED ?= ../shared/published-results.csv
pages: .venv-test/ready
	PYTHONPATH=src:benchmarks .venv-test/bin/python -P benchmarks/tables.py
	PYTHONPATH=src:benchmarks .venv-test/bin/python -P benchmarks/results_page.py --published $(PUBLISHED)

clean:
	rm -rf .venv .venv-test build dist demo-output

.venv/ready: $(SOURCES) constraints.txt
	.ci/venv $(PYTHON) .venv
	.venv/bin/pip install $(PIP_QUIET) -c constraints.txt .
	touch $@

.venv-test/ready: pyproject.toml constraints.txt
	.ci/venv $(PYTHON) .venv-test
	.venv-test/bin/pip install $(PIP_QUIET) torch==2.13.0 -c constraints.txt
	.venv-test/bin/pip install $(PIP_QUIET) -c constraints.txt '.[train,onnxruntime,serve,cluster,dev]'
	# without its dependencies: it wants torchvision, which RGT does not need (tests/parity)
	.venv-test/bin/pip install $(PIP_QUIET) -c constraints.txt --no-deps spandrel
	touch $@

.venv-test/wheel: .venv-test/ready $(SOURCES)
	rm -rf dist
	.venv-test/bin/pip wheel $(PIP_QUIET) --no-deps --wheel-dir dist .
	.venv-test/bin/pip install $(PIP_QUIET) --no-deps --force-reinstall dist/rgtsr-*.whl
	touch $@

# Goes on with the training that is next in checkpoints/queue.yml; Ctrl-C stops it, nothing is lost.
# Two processes of one thread each are a tenth faster than one of two.
CORPUS ?= ../shared/corpus
standing: .venv-test/wheel
	.venv-test/bin/python -P checkpoints/standing.py checkpoints/queue.yml --photos $(CORPUS) --processes 2
