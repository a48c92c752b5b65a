# The only set-up there is: every target installs what it needs into .venv first.

SHELL := /bin/sh
PYTHON ?=
RUN := .venv/bin/python
PATHS := manage.py rtts_site campaigns decisioning consent tests
UV = $(shell command -v uv || echo $(RUN) -m uv)
COMPILE = $(UV) pip compile pyproject.toml --universal --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --quiet

# Six processes make up the product: they read what the first has compiled.
export PYTHONDONTWRITEBYTECODE =

.PHONY: up down check test bench verify lint format lock messages pictures clean

up: .venv/run.stamp ## Start everything; Ctrl-C stops it
	@$(RUN) manage.py up

down: .venv/run.stamp ## Stop what `make up` started
	@$(RUN) manage.py down

check: .venv/run.stamp ## Say in words whether all is well
	@$(RUN) manage.py rtts_check

test: .venv/test.stamp ## Run the tests on servers of their own
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/test.stamp ## Print ratios to floors measured in the same run
	@$(RUN) -m pytest tests/benchmarks -m benchmark -s -q $(ARGS)

verify: .venv/test.stamp ## Run what `make test` leaves out, file by file; goes on where it stopped; prints a table
	@$(RUN) -m tests.verify $(ARGS)

lint: .venv/test.stamp ## Run the checks that CI runs
	@.ci/lint

format: .venv/test.stamp
	@$(RUN) -m ruff check --fix --quiet $(PATHS)
	@$(RUN) -m ruff format --quiet $(PATHS)

lock: .venv/test.stamp ## Renew both lists of pinned, hashed packages
	@$(UV) --version >/dev/null 2>&1 || $(RUN) -m pip install --quiet uv
	@$(COMPILE) --upgrade --extra demo -o requirements.lock
	@$(COMPILE) --extra demo --extra test -c requirements.lock -o tests/requirements.lock

messages: .venv/test.stamp ## Renew the list of words to translate (needs gettext), and compile what is translated
	@$(RUN) manage.py makemessages -l de --no-obsolete --no-wrap --add-location file --ignore var --ignore .venv --ignore tests
	@$(RUN) manage.py compilemessages -l de

pictures: .venv/test.stamp ## Take the README's pictures of what `make up` runs
	@$(RUN) docs/pictures/take.py

clean: ## Remove what was installed and all data
	@if [ -x $(RUN) ]; then $(RUN) manage.py down; fi
	@rm -rf .venv var

.venv/run.stamp: requirements.lock .ci/install
	@PYTHON="$(PYTHON)" .ci/install requirements.lock
	@touch $@

.venv/test.stamp: tests/requirements.lock .ci/install
	@PYTHON="$(PYTHON)" .ci/install tests/requirements.lock
	@touch $@ .venv/run.stamp
