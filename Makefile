# `make help` lists the targets.
export PATH := $(CURDIR)/.venv/py311/bin:$(PATH)
PACKAGES := git mmdebstrap openssh-client patchelf python3-venv
ENVIRONMENTS := py311 py313
PARALLEL := $(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target
REPORTS := build/reports

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: demo
demo: .venv/py311/.stamp ## build the lab, deploy the cluster, start it cold, show it
	lab/demo

.PHONY: test
test: .venv/py311/.stamp .venv/py313/.stamp ## everything below up to test-lab, with one summary at the end
	pytest --capture=no --override-ini=verbosity_subtests=1 --tb=no tests/checks

.PHONY: lint
lint: .venv/py311/.stamp ## ruff, mypy, ansible-lint
	@$(PARALLEL) lint-python lint-ansible

.PHONY: docs
docs: .venv/py311/.stamp ## check the documentation of modules and roles, and the release notes
	tests/tools/docs

.PHONY: test-unit
test-unit: ## unit tests on both versions of ansible-core
	@$(PARALLEL) $(ENVIRONMENTS:%=unit-%)

.PHONY: test-sanity
test-sanity: ## ansible-test sanity on both versions of ansible-core
	@$(PARALLEL) $(ENVIRONMENTS:%=sanity-%)

.PHONY: test-lab
test-lab: .venv/py311/.stamp ## molecule scenarios on the lab cluster
	tests/lab/run

.PHONY: test-faults
test-faults: .venv/py311/.stamp ## the faults that take minutes and are not part of test, on the lab's HA cluster
	PYTEST_ADDOPTS='-m faults' tests/lab/run ha

.PHONY: bench
bench: .venv/py311/.stamp ## the benchmark of docs/, on the lab cluster
	tests/bench/run

.PHONY: archive
archive: .venv/py311/.stamp ## the collection's archive, in build/
	ansible-galaxy collection build --force --output-path build

.PHONY: requirements
requirements: .venv/py311/.stamp .venv/py313/.stamp ## pin today's versions in requirements/
	tests/tools/pin py311
	tests/tools/pin py313

.PHONY: clean
clean: ## remove what was built, and the lab's containers, network and images
	if [ -x lab/lab ]; then lab/lab clean; fi
	rm -rf build .ansible .hypothesis

.PHONY: clean-all
clean-all: clean ## the same and the Python environments
	rm -rf .venv

.PHONY: lint-python lint-ansible
lint-python:
	ruff check
	ruff format --check
	mypy --package ansible_collections.koverse.runbook.plugins
lint-ansible:
	ansible-lint

.PHONY: $(ENVIRONMENTS:%=unit-%) $(ENVIRONMENTS:%=sanity-%)
$(ENVIRONMENTS:%=unit-%): unit-%: .venv/%/.stamp .venv/promtool
	.venv/$*/bin/pytest --junitxml=$(REPORTS)/test-unit/$*.xml
$(ENVIRONMENTS:%=sanity-%): sanity-%: .venv/%/.stamp
	tests/tools/sanity $*

.venv/py313/.stamp: | .venv/py311/.stamp
.venv/%/.stamp: requirements/%.txt | .venv/.packages
	tests/tools/venv $*
.venv/promtool: | .venv/.packages
	tests/tools/promtool
.venv/.packages:
	dpkg --status $(PACKAGES) >/dev/null 2>&1 || \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(PACKAGES); }
	mkdir -p .venv && touch $@
