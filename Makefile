# Thin targets; the logic is Python under tools/. STACK names the stack file, ARGS goes to the command.
# LOCAL= (empty) runs the same command with your own Pulumi login against the real clouds.
PYTHON ?= python3
STACK ?= prod
LOCAL ?= 1
ARGS ?=
RUN_OF ?= preview
MEGABYTES ?= 1000
RUN = .venv/bin/python -m tools
FLAGS = --stack $(STACK) $(if $(LOCAL),,--real) $(ARGS)

.PHONY: setup ready bootstrap preview up destroy refresh recover drift review guard evidence scan test test-quick check format bench mutate lock

setup:
	@$(PYTHON) -m tools.bootstrap

ready:
	@$(PYTHON) -m tools.bootstrap --quiet

bootstrap preview up destroy refresh recover drift: ready
	@$(RUN) $@ $(FLAGS)

guard: ready
	@$(RUN) guard --stack $(STACK) --of $(RUN_OF) $(ARGS)

review: ready
	@$(RUN) review --of $(RUN_OF) $(FLAGS)

evidence: ready
	@$(RUN) evidence --of $(RUN_OF) $(FLAGS)

scan: ready
	@$(RUN).osv $(ARGS)

test: ready
	.venv/bin/python -m pytest $(ARGS)

test-quick: ready
	.venv/bin/python -m pytest -m "not slow" $(ARGS)

check: ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: ready
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: ready
	@$(RUN).bench $(ARGS)
	@$(RUN).bench.jobs_bench --megabytes $(MEGABYTES)

mutate: ready
	@$(RUN).mutate --stack $(STACK) $(ARGS)

lock: ready
	.venv/bin/python -m tools.lock $(ARGS)
