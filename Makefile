# `make demo` and `make test` each work alone on a machine that has only Python 3.11 or newer and make.
# Another interpreter: make demo PYTHON=/path/to/python3

PYTHON ?=
CANDIDATES = $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python)
INSTALL = .venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt

# An import of torch in each worker costs seconds: more workers than this only wait for one another.
WORKERS ?= 2

.PHONY: demo test campaign
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: .venv/.installed
	.venv/bin/pet-mtl train --patterns patterns/default.yaml

test: .venv/.installed-dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	@# Bytecode even where the environment says no: some hundred processes would compile the package each.
	@# worksteal: tests of a file stay together, and what they share is made once.
	PYTHONDONTWRITEBYTECODE= .venv/bin/pytest -q -n $(WORKERS) --dist worksteal

# Hostile inputs, kills, full disks: an hour and more. Fewer: make campaign CAMPAIGN="--inputs 500 --kills 20"
CAMPAIGN ?= --inputs 6000 --kills 240
campaign: .venv/.installed-dev
	.venv/bin/python tests/campaign/run.py $(CAMPAIGN)

.venv/.installed: pyproject.toml constraints.txt .venv/.created
	@echo "installing pet-mtl into .venv, minutes the first time"
	@$(INSTALL) -e . || { $(FAILED); }
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt .venv/.created
	@echo "installing pet-mtl and its test tools into .venv, minutes the first time"
	@$(INSTALL) -e ".[dev]" || { $(FAILED); }
	@touch .venv/.installed $@

FAILED = echo "error: the installation failed; to see more: $(subst -qq ,,$(INSTALL)) -e ." >&2; exit 1

# Shims of version managers exist without a Python behind them, and some systems ship venv without pip: so each
# candidate is tried, not only looked up.
.venv/.created:
	@python=; for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "error: no Python 3.11 or newer with venv and pip among: $(CANDIDATES)" >&2; \
	  echo "hint: install one (Debian, Ubuntu: python3 and python3-venv) or name it: make demo PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	"$$python" -m venv .venv
	@touch $@
