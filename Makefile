.DEFAULT_GOAL := help
.PHONY: run serve install test check bench faults scale load soak audit scan follow image sbom format help

# On a fresh machine git, make and Python 3.11 are enough. The program named after
# the goal takes the set-up's place, so that a signal reaches it and nothing else.
SET_UP = @python=$$(tools/find-python) && exec "$$python" tools/setup.py

run: ## Set everything up and serve it; PORT=8001 for another port
	$(SET_UP) run tools/serve.py

serve: ## The same for production; the settings come from the environment
	$(SET_UP) serve tools/serve.py

install: ## Set up for production and end: systemd serves it (docs/operations.md)
	$(SET_UP) install

test: ## All that a change must pass: static checks, SQLite, races, one journey
	$(SET_UP) tests tools/checks.py test

check: ## The rest: the other tests on PostgreSQL and in a browser
	$(SET_UP) check tools/checks.py check

bench: ## The figures against their budgets; ONLY=first_run for one of them
	$(SET_UP) tests -m tests.benchmarks $(ONLY)

faults: ## Kill the processes at work 200 times, on both databases; KILLS=1000
	$(SET_UP) check tools/faults.py

scale: ## Fill PostgreSQL with N=1000000 people, and measure pages, plans, clock
	$(SET_UP) tests -m tests.benchmarks.scale $(or $(N),20000)

load: ## People's days at a set rate, on both engines; RATE="1 2" MINUTES=5 ENGINE=SQLite
	$(SET_UP) tests -m tests.benchmarks.load

soak: ## The same at one rate for 30 minutes: does the memory of a process grow?
	$(SET_UP) tests -m tests.benchmarks.load --soak

audit: ## Take away each wall between companies: does a test notice?
	$(SET_UP) tests tools/walls.py

scan: ## Let sqlmap and wapiti at every form of the demo, as five kinds of people
	$(SET_UP) tests tools/scan.py

follow: ## Follow docs/operations.md line by line on an empty Debian; ENGINE=PostgreSQL; as root
	$(SET_UP) tests -m tools.try_operations

image: ## Follow deploy/Dockerfile by hand, and start what it makes; as root
	$(SET_UP) tests -m tools.try_image

sbom: ## What is shipped and under which licences, into docs/
	$(SET_UP) tests tools/sbom.py

format: ## Format Python and templates, and mend what can be mended safely
	$(SET_UP) tests tools/checks.py format

help: ## This list
	@sed -n 's/^\([a-z]*\): ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
