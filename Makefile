# Thin targets; the logic is Python under tools/. STACK names the stack file, ARGS goes to the command.
# LOCAL= (empty) runs the same command with your own Pulumi login against the real clouds.
PYTHON ?= python3
STACK ?= prod
LOCAL ?= 1
ARGS ?=
RUN_OF ?= preview
RUN = .venv/bin/python -m tools
FLAGS = --stack $(STACK) $(if $(LOCAL),,--real) $(ARGS)

.PHONY: setup ready preview up destroy refresh recover review guard test check format bench mutate lock

setup:
	@$(PYTHON) -m tools.bootstrap

ready:
	@$(PYTHON) -m tools.bootstrap --quiet

preview up destroy refresh recover review: ready
	@$(RUN) $@ $(FLAGS)

guard: ready
	@$(RUN) guard --stack $(STACK) --of $(RUN_OF) $(ARGS)

# The last preview (RUN_OF=up: the last deployment) as a reviewer reads it: page, comment, SARIF, JUnit, JSON.
RUNS = $${SECURE_HOSTING_LOCAL:-.local}/runs/$(STACK)
review: ready
	@if [ "$(RUN_OF)" = preview ] && [ -f "$(RUNS)/digest.json" ]; then \
	  .venv/bin/python -m policies judge "$(RUNS)/digest.json" --json --fail-on never > "$(RUNS)/results.jsonl"; fi
	@.venv/bin/python -m review all "$(RUNS)" --of $(RUN_OF) $(ARGS)

test: ready
	.venv/bin/python -m pytest $(ARGS)

check: ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: ready
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: ready
	@$(RUN).bench $(ARGS)

mutate: ready
	@$(RUN).mutate --stack $(STACK) $(ARGS)

lock: ready
	.venv/bin/python -m tools.lock $(ARGS)
