.DEFAULT_GOAL := help
.PHONY: run test check bench format help

# On a fresh machine git, make and Python 3.11 are enough. The program named after
# the goal takes the set-up's place, so that a signal reaches it and nothing else.
SET_UP = @python=$$(tools/find-python) && exec "$$python" tools/setup.py

run: ## Set everything up and serve it; PORT=8001 for another port
	$(SET_UP) run tools/serve.py

test: ## All that a change must pass: static checks, SQLite, races, one journey
	$(SET_UP) tests tools/checks.py test

check: ## The rest: the other tests on PostgreSQL and in a browser
	$(SET_UP) tests tools/checks.py check

bench: ## The figures against their budgets; ONLY=first_run for one of them
	$(SET_UP) tests -m tests.benchmarks $(ONLY)

format: ## Format Python and templates, and mend what can be mended safely
	$(SET_UP) tests tools/checks.py format

help: ## This list
	@sed -n 's/^\([a-z]*\): ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
