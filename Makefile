# Two commands for a newcomer: `make run` and `make test`. Everything they need they install themselves.
PYTHON ?= $(shell .ci/python)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BENCH  := $(VENV)/.bench
FUZZ   := $(VENV)/.fuzz
# Programs that play the other side in tests: real phones, a real load generator, a real database.
PEERS  := sip-tester baresip linphone-cli espeak-ng postgresql

# Tests by a real clock – whole engines beside real peers, media workers –: two files at a time, for they mostly wait.
LIVE   := tests/live tests/load tests/media tests/softphone

.PHONY: help run test prove prove-compiled lint types imports check bench fuzz peers clean
help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/\t/' | expand -t 16

$(STAMP): pyproject.toml hatch_build.py media/_relay.c
	@echo "setting up $(VENV) …" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip 1>&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,top,prompts,plots,srtp,g722,postgres]' 1>&2
	@touch $@

run: $(STAMP)    ## the bank example: engine, agents and callers as real SIP on loopback; ARGS="--calls 20 --json"
	@$(BIN)/acd demo examples/bank/hotline.yaml $(ARGS)

peers:           ## the Debian packages of the test peers (needs root or sudo; says so when neither is there)
	@.ci/peers $(PEERS)

test: $(STAMP) peers   ## every test (at most 12 minutes)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not prove" $(addprefix --ignore=,$(LIVE)) $(ARGS)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not prove" $(LIVE) $(ARGS)

prove: $(STAMP) peers  ## the long proofs: soaks, oracles, kills
	$(BIN)/python -m pytest -q -m prove $(ARGS)

prove-compiled: $(STAMP)  ## the tests of core and simulator against a compiled wheel; some minutes to build
	PYTHON=$(CURDIR)/$(BIN)/python .ci/compiled $(ARGS)

lint: $(STAMP)   ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict, on source and tests
	$(BIN)/mypy

imports: $(STAMP) ## who may import whom
	$(BIN)/lint-imports

check: lint types imports  ## all three

$(BENCH): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' 1>&2
	@touch $@

bench: $(BENCH) peers  ## the figures: whole calls first, then each part; ARGS="--json" for machines
	@for part in calls sip sip_calls media core dispatch simulator; do $(BIN)/python -m benchmarks.$$part $(ARGS) || exit 1; done

$(FUZZ): $(STAMP)   # not everywhere there is a wheel of atheris: then we do without, and the run says so
	@$(BIN)/python -m pip install -qqq --disable-pip-version-check --only-binary atheris -e '.[fuzz]' 1>&2 || true
	@touch $@

fuzz: $(FUZZ)    ## everything that peers' octets reach first, guided by coverage, for SECONDS (default 60)
	$(BIN)/python -m tests.sip.fuzz $(or $(SECONDS),60)

clean:           ## forget the environment and what was run
	rm -rf $(VENV) run out build dist
