# Everything runs in .venv, which the first `make demo` or `make test` makes. Needed beforehand: Python 3.11 to 3.13, and make.

VENV := .venv
BIN := $(VENV)/bin

# the first Python that fits; `make PYTHON=/path/to/python3 test` takes another
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)

# how many seconds a soak's faults last, on each of its two chains: a little longer if each fault was not there by then
SECONDS ?= 60

# four workers, as many wait for a chain's next block, each with whole files, so that what a file sets up (a chain, an
# environment) is set up once; tests/conftest.py puts the slow files first, or one worker would end with some of them while the
# others have nothing left to do
TESTS := -n 4 --dist loadfile --no-loadscope-reorder

# as pip does for what it installs: without it each start pays for compiling where Python may not write bytecode
COMPILE := $(BIN)/python -m compileall -q anchor/perdure_anchor cli/perdure_cli contracts/perdure_contracts \
	devnet/perdure_devnet node/perdure_node

.DEFAULT_GOAL := help
.PHONY: help demo demo-offline test test-chains soak coverage mutants torture lint bench lock dist clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.for-users ## play the whole story on an embedded chain, in the folder demo/
	@$(BIN)/python -m perdure_cli.demo demo

demo-offline: $(VENV)/.for-users ## play two ships, a lost stick and a burned site, in the folder demo-offline/
	@$(BIN)/python -m perdure_cli.demo_offline demo-offline

test: $(VENV)/.for-developers ## run the tests that need nobody else's chain
	$(BIN)/pytest $(TESTS) -m "not real_chain"

# go builds geth once, which takes some minutes; npm brings in anvil. Where one of them is missing, its tests are skipped and say so
test-chains: $(VENV)/.for-developers ## run the tests against geth and anvil, which it brings in
	@PYTHONPATH=tests $(BIN)/python -m tools.chain_tools
	$(BIN)/pytest $(TESTS) -m real_chain tests/real_chains tests/contracts/test_real_chains.py

coverage: $(VENV)/.for-developers ## run the library's tests, and fail unless they take each of its branches
	$(BIN)/pytest $(TESTS) --cov --cov-report=term --cov-fail-under=100 tests/anchor

mutants: $(VENV)/.for-developers ## break each check of the decision and the headers, and see that a test notices, for half an hour
	cd tests && ../$(BIN)/python -m tools.mutants

torture: $(VENV)/.for-developers ## kill, damage and play vaults and gateways, and change evidence 100,000 times, for hours
	PERDURE_TORTURE=1000 FOUNDRY_FUZZ_RUNS=10000 FOUNDRY_INVARIANT_RUNS=200 $(BIN)/pytest $(TESTS) -n 2 \
		tests/node/test_killed.py tests/node/test_vault_model.py tests/node/test_courier_model.py tests/node/test_courier_killed.py \
		tests/node/test_gateway_killed.py tests/node/test_vault_faults.py tests/node/test_backup_killed.py \
		tests/node/test_backup_faults.py tests/node/test_endpoints_model.py tests/node/test_follower_killed.py \
		tests/node/test_watch_killed.py tests/node/test_api_schema.py tests/node/test_gateway_planning.py \
		tests/anchor/test_who_must_have_lied.py tests/anchor/test_fuzzing.py tests/anchor/test_worst_cases.py \
		tests/anchor/test_shared_checks.py tests/anchor/test_verifiers_agree.py tests/contracts/test_append_proof_onchain.py \
		tests/contracts/test_forge.py

soak: $(VENV)/.for-developers ## let 30 sites, 3 nodes, geth and the devnet go through every fault: make soak SECONDS=7200
	@PYTHONPATH=tests $(BIN)/python -m tools.soak --seconds $(SECONDS)

lint: $(VENV)/.for-developers ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.for-developers ## measure, beside the peers and the limits
	@$(COMPILE)
	$(BIN)/python bench/run.py

lock: $(VENV)/.for-developers ## pin the requirements anew, with hashes (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header --python-version 3.11 \
		--extra dev pyproject.toml requirements/build.in -o requirements/dev.txt
	@# of what both need, users get what is tested
	uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header --python-version 3.11 \
		$(addprefix --extra ,devnet node operators qr report signatures) --constraint requirements/dev.txt \
		pyproject.toml requirements/build.in -o requirements/user.txt

dist: $(VENV)/.for-developers ## make dist/, an archive from which a site without a network installs
	@PYTHONPATH=tests $(BIN)/python -m tools.offline_archive

clean: ## remove the environment and the demos
	rm -rf $(VENV) demo demo-offline

$(VENV)/.for-users: requirements/user.txt pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/user.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.for-developers: requirements/dev.txt $(VENV)/.for-users
	@echo "installing the developers' tools into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@# each worker, and each process that it starts, would compile them anew where Python may not write bytecode
	@$(BIN)/python -m compileall -q tests/tools
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "perdure needs Python 3.11, 3.12 or 3.13 with its modules venv and ensurepip; none was found on the PATH." >&2; \
		echo "install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
		exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
