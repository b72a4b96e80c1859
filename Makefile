# Postroom: setup, run, demo, test, check. Everything stays inside the checkout,
# except that root on Debian may let apt install the mail peers for the tests.

# The system's own Python where it will do: distributions build it optimised, which is worth a
# quarter of the rate against one compiled without much ado.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell /usr/bin/python3 -c '$(USABLE)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
INSTANCE := run
PORT ?= 10628

.PHONY: setup run demo test check lint peers bench bench-quick bench-plot profile memory soak storm crowd logger-storm reloads fuzz powercut faults generated clean

setup: $(VENV)/.installed $(VENV)/libexec/postroom

# An installation is complete only when the stamp is there: an interrupted one is made again.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Postroom needs Python 3.11 or later."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. Install it with:"; \
	    echo "  apt-get install -y python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Our daemons as programs for Postfix's master.
$(VENV)/libexec/postroom: $(VENV)/.installed commands/daemons.py
	@$(BIN)/postroom daemons >/dev/null
	@touch $@

run: setup
	@exec $(BIN)/python -P -m commands.tour --instance $(INSTANCE) --port $(PORT) --serve

demo: setup
	@$(BIN)/python -P -m commands.tour --instance $(INSTANCE)

peers: setup
	@tests/peers.sh

# Most tests wait for something, two thirds of the time: six run side by side keep two
# processors busy. A few measure, and run alone.
test: setup peers
	$(BIN)/python -P -m pytest -q -n 6 -m 'not alone'
	$(BIN)/python -P -m pytest -q -m alone

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

# Postroom beside Postfix, as root on a quiet machine: a quarter of an hour. CASES="'tmpfs/*'" chooses;
# all cases give the picture in the README.
bench: setup peers
	$(BIN)/python -P -m bench --json bench.json $(CASES)
	@$(if $(CASES),,$(MAKE) --no-print-directory bench-plot)

# The same in a minute, for a first look.
bench-quick: setup peers
	$(BIN)/python -P -m bench --quick

# That picture, from what was measured before.
bench-plot: setup
	@$(BIN)/python -c 'import matplotlib' 2>/dev/null || \
	  $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -P -m bench.plot bench.json docs/bench.png

# Where the time of a message goes: by process, system call and function.
profile: setup peers
	$(BIN)/python -P -m bench.profile $(PROFILE)

# Private memory of workers that never leave, after up to 100,000 messages: a minute or two.
memory: setup peers
	$(BIN)/python -P -m bench.memory

# Private memory over a million messages, or twenty minutes.
soak: setup peers
	$(BIN)/python -P -m bench.soak

# Processes killed at random under load, for minutes: what that cost, and whether it may.
# With KILLS=10000 the storms are repeated until so many were killed.
KILLS ?= 0
storm: setup peers
	$(BIN)/python -P -m tests.suite.storm --kills $(KILLS)

# Ten thousand clients that stall: two minutes. A short form is part of the tests.
crowd: setup
	$(BIN)/python -P -m pytest -q -s --long tests/suite/test_parked.py

# Loggers stopped and killed under load, as root: a quarter of an hour.
logger-storm: setup peers
	$(BIN)/python -P -m tests.suite.logger_storm

# 200 reloads and 20 upgrades under load: three minutes. A short form is part of the tests.
reloads: setup
	$(BIN)/python -P -m pytest -q -s --long tests/suite/test_without_downtime.py

# Inputs of all kinds for whatever reads what others send, for TIME seconds in all; crashes are
# kept in .fuzz. Without a wheel of atheris for this Python, chance alone makes the inputs.
TIME := 600
fuzz: $(VENV)/.fuzz
	$(BIN)/python -P -m tests.fuzz --time $(TIME)

$(VENV)/.fuzz: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

# 1,000 simulated power cuts on each of ext4 and XFS, as root: some minutes. A short form is part
# of the tests.
OWN_HOST := unshare --net --mount --pid --fork --kill-child --mount-proc
powercut: setup peers
	@command -v mkfs.xfs >/dev/null || apt-get install -y -q --no-install-recommends xfsprogs
	$(OWN_HOST) $(BIN)/python -P -m tests.suite.powercut

# Every system call on a message's way fails once, as root: some minutes.
faults: setup peers
	$(BIN)/python -P -m tests.suite.faults

# Files made from the table of parameters; tests compare them with it.
generated: setup
	$(BIN)/python -P -m commands.sample > etc/main.cf
	$(BIN)/python -P -m commands.manual

clean:
	rm -rf $(VENV) .peers .fuzz build dist
