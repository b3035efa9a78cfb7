PYTHON ?= python3
# How many processes run the tests: one a core, and more where they wait for servers.
TEST_PROCESSES ?= logical
SYSTEM_PROCESSES ?= 4
ARGS ?=
# The folder of a backup: made by `make backup`, read by `make restore`.
FOLDER ?=
# Who becomes an admin by `make admin`, or what `make new-service` makes.
NAME ?=
# What is measured beside this checkout: another one, and a folder of other programs.
BEFORE ?=
PEERS ?=

COMPOSE := docker compose
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
SERVICES := $(VENV)/.services
DEVELOPMENT := $(VENV)/.development
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --root-user-action=ignore
PACKAGES := $(wildcard *_service)
CODE := $(PACKAGES) common client contract tests benchmarks tools templates

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run dev doctor migrate up down logs ps admin rotate-keys rolling-restart pin backup restore check lint format types test \
	test-system coverage new-service bench bench-compose bench-replicas bench-revocation bench-shelf bench-compare bench-peers lock clean

help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { sub(":.*", "", $$1); printf "  make %-17s%s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=... chooses the interpreter (3.11 or newer), ARGS=... adds to the command behind a target."

##@ Use
run: $(SERVICES) ## start both services, on SQLite in ./instance; Ctrl-C stops them
	@$(BIN)/python tools/run.py

dev: $(SERVICES) ## the same with one process each, which reloads when the code is changed
	@$(BIN)/python tools/run.py dev

doctor: ## say what keeps the services from starting, and what to do about it
	@$(or $(shell $(BIN)/python -c 'import sys; print(sys.executable)' 2>/dev/null),$(NEEDS_PYTHON) $(PYTHON)) \
		-m tools.doctor

migrate: $(SERVICES) ## bring the databases to the current schema
	@for package in $(PACKAGES); do $(BIN)/python -m flask --app $$package db upgrade || exit; done

##@ Use with Docker
up: ## build and start both services on PostgreSQL behind nginx, and wait until they are healthy
	@REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) $(COMPOSE) up --detach --build --wait \
		--remove-orphans $(ARGS)

down: ## stop it all; the data stays
	@$(COMPOSE) --profile '*' down $(ARGS)

logs: ## follow the logs
	@$(COMPOSE) logs --follow --tail=100 $(ARGS)

ps: ## list the containers and how they are
	@$(COMPOSE) ps --all $(ARGS)

admin: ## make an admin: NAME=...; the password is asked for, or read from a pipe
	@test -n "$(NAME)" || { echo "make admin: NAME=... is missing" >&2; exit 2; }
	@if test -t 0; then $(COMPOSE) exec auth flask --app auth_service users create --admin "$(NAME)"; \
		else $(COMPOSE) exec -T auth flask --app auth_service users create --admin --password-stdin "$(NAME)"; fi

rotate-keys: ## let a new key sign the tokens; the old ones go on verifying
	@$(COMPOSE) run --rm --no-deps -T operator flask --app auth_service keys rotate

rolling-restart: ## replace the containers of both services one by one
	@deploy/rolling-restart

pin: ## write the base images with their digests into .env
	@deploy/pin

backup: ## copy both databases and the keys into FOLDER=backups/<now>
	@deploy/backup "$(FOLDER)"

restore: ## put back what the backup in FOLDER=... holds, in place of what is there
	@deploy/restore "$(FOLDER)"

##@ Change
check: lint types test test-system ## all that a change has to pass, as CI runs it

lint: $(DEVELOPMENT) ## ruff (rules and format), yamllint and hadolint
	@$(BIN)/python -m ruff check $(CODE)
	@$(BIN)/python -m ruff format --check $(CODE)
	@$(BIN)/python -m yamllint --strict .
	@$(BIN)/hadolint Dockerfile deploy/monitoring/Dockerfile deploy/pgbouncer/Dockerfile

format: $(DEVELOPMENT) ## format the code and mend what ruff can mend
	@$(BIN)/python -m ruff check --fix $(CODE)
	@$(BIN)/python -m ruff format $(CODE)

types: $(DEVELOPMENT) ## mypy --strict
	@$(BIN)/python -m mypy

# The processes of the tests import the same modules: they are compiled once.
unexport PYTHONDONTWRITEBYTECODE

# The tests of the containers come last, in two processes with a stack each. They run after a failure, too, so that
# one run tells of all. pytest's status 5 says that ARGS chose none of one kind.
PYTEST := $(BIN)/python -m pytest
IN_PROCESS := --numprocesses=$(TEST_PROCESSES) --dist=worksteal -m "not system"
WITH_SERVERS := --numprocesses=$(SYSTEM_PROCESSES) --dist=worksteal -m "system and not compose"
WITH_CONTAINERS := --numprocesses=2 --dist=loadfile -m compose

test: $(DEVELOPMENT) ## the tests in process, on SQLite and PostgreSQL; ARGS=tests/auth for some of them
	@$(PYTEST) $(IN_PROCESS) $(ARGS) || test $$? -eq 5

test-system: $(DEVELOPMENT) ## the tests with servers, containers, a browser and `make run`
	@$(PYTEST) $(WITH_SERVERS) $(ARGS) || test $$? -eq 5 || failed=1; \
	$(PYTEST) $(WITH_CONTAINERS) $(ARGS) || test $$? -eq 5 || failed=1; \
	test -z "$$failed"

coverage: $(DEVELOPMENT) ## the tests in process, and the lines they leave out
	@$(PYTEST) $(IN_PROCESS) --cov --cov-report=term-missing:skip-covered $(ARGS)

new-service: $(DEVELOPMENT) ## make a service beside the others: NAME=notes (docs/make-it-yours.md)
	@$(BIN)/python tools/new_service.py "$(NAME)"

bench: $(DEVELOPMENT) ## requests a second, latency and CPU a request, with wrk
	@$(BIN)/python -m benchmarks.books $(ARGS)

bench-compose: $(DEVELOPMENT) ## sizes of the images, and the time from `up` to healthy
	@$(BIN)/python -m benchmarks.compose

bench-replicas: $(DEVELOPMENT) ## requests a second by the number of replicas, in containers
	@$(BIN)/python -m benchmarks.replicas $(ARGS)

bench-revocation: $(DEVELOPMENT) ## how long books takes tokens of ended sessions and deleted users
	@$(BIN)/python -m benchmarks.revocation $(ARGS)

bench-shelf: $(DEVELOPMENT) ## what a page and a search cost on a shelf of 100,000 books in a table of a million
	@$(BIN)/python -m benchmarks.shelf $(ARGS)

bench-compare: $(DEVELOPMENT) ## CPU a request beside another checkout: BEFORE=...
	@test -n "$(BEFORE)" || { echo "make bench-compare: BEFORE=... is missing" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.compare --before "$(BEFORE)" $(ARGS)

bench-peers: $(DEVELOPMENT) ## the books service beside the programs in PEERS=...
	@test -n "$(PEERS)" || { echo "make bench-peers: PEERS=... is missing" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.peers "$(PEERS)" $(ARGS)

##@ Keep
lock: $(MADE) ## write the locks again; ARGS=--upgrade takes newer versions
	@$(INSTALL) uv
	@$(BIN)/python tools/lock.py $(ARGS)

clean: ## remove the virtual environment and the caches; the data in ./instance stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

define NEEDS_PYTHON
$(if $(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>&1 | grep -x True),,$(error \
	$(PYTHON) is not Python 3.11 or newer: choose one, as in make PYTHON=/usr/bin/python3.11))
$(if $(shell $(PYTHON) -c 'import ensurepip, venv' 2>&1),$(error \
	$(PYTHON) has no venv: install it (on Debian the package python3-venv)))
endef

# The virtual environment: made once, and brought up to date whenever a lock is newer than its stamp.
$(MADE):
	$(NEEDS_PYTHON)
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(SERVICES): $(MADE) $(PACKAGES:=/requirements.txt) requirements-run.txt
	@echo "Installing the locked packages into $(VENV), which may take minutes ..." >&2
	@$(INSTALL) --require-hashes $(PACKAGES:%=-r %/requirements.txt) -r requirements-run.txt
	@touch $@

$(DEVELOPMENT): $(SERVICES) requirements-dev.txt
	@echo "Installing the locked development tools into $(VENV), which may take minutes ..." >&2
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@
