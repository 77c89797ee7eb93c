# `make run` and `make test` do all their own set-up. `make help` lists the targets.

SHELL := bash
.DEFAULT_GOAL := help

PY := .venv/bin/python
# npm's newest, 3.0.0, was published by accident and cannot read this library's output.
CDK := npx --yes aws-cdk@2.1148.1
# What `make synth`, `make diff` and `make deploy` pass on: CONTEXT="destination=… timeout=120"
CONTEXT ?=
CONTEXT_ARGS := $(foreach setting,$(CONTEXT),-c $(setting))
# How `make requirements` pins. uv writes the command above the pins, and Dependabot repeats it.
PIN := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate
# What `make run` delivers to: customer-profiles, firehose, kinesis, eventbridge, pinpoint, or several.
DESTINATION ?=
# Another app than app.py, and the server that stands in for its destination: docs/own-destination.md.
APP ?=
STAND_IN ?=
# What `make gtm` is for: the endpoint's URL or the stack, and where the files go.
ENDPOINT ?=
STACK ?=
OUT ?=
ARGS ?=

# jsii greets Node 20 with a banner in every process that synthesizes. The value is Node's major.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20
# Container images often set it. Then each of the many processes here would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: run
run: ## Run the whole pipeline on this machine: make run DESTINATION=customer-profiles,firehose
	@scripts/setup.sh run
	@exec $(PY) -m local $(if $(DESTINATION),--destination "$(DESTINATION)") \
	    $(if $(APP),--app "$(APP)") $(if $(STAND_IN),--stand-in "$(STAND_IN)") $(ARGS)

.PHONY: test
test: ## Run all tests
	@scripts/setup.sh test
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope $(ARGS)

.PHONY: coverage
coverage: ## Run the unit and infrastructure tests, and hold the product's coverage to its floor
	@scripts/setup.sh test
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --cov= $(ARGS) \
	    tests/unit tests/destinations tests/infrastructure

.PHONY: bench
bench: ## Measure the function, the endpoint and the app: make bench ARGS=--quick
	@scripts/setup.sh bench
	$(PY) -m benchmarks $(ARGS)

.PHONY: capacity
capacity: ## Bring docs/capacity.md, its plots and docs/costs.md up to date with prices, quotas and model
	@scripts/setup.sh capacity
	$(PY) -m capacity $(ARGS)

.PHONY: lint
lint: ## Check format, style and types
	@scripts/setup.sh test
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

.PHONY: format
format: ## Format the code and mend what can be mended
	@scripts/setup.sh test
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: synth
synth: ## Write the CloudFormation template to cdk.out: make synth CONTEXT="destination=… …"
	@scripts/setup.sh run
	$(CDK) synth --quiet --app "$(PY) app.py" $(CONTEXT_ARGS) $(ARGS)

.PHONY: diff
diff: ## Compare with what is deployed: make diff CONTEXT="destination=… …"
	@scripts/setup.sh run
	$(CDK) diff --app "$(PY) app.py" $(CONTEXT_ARGS) $(ARGS)

.PHONY: deploy
deploy: ## Deploy to your AWS account: make deploy CONTEXT="destination=firehose firehose_delivery_stream_name=events"
	@scripts/setup.sh run
	@$(PY) -m stacks.preflight $(CONTEXT_ARGS) $(ARGS)
	$(CDK) deploy --app "$(PY) app.py" $(CONTEXT_ARGS) $(ARGS)

.PHONY: settings
settings: ## Write docs/settings.md from the settings' definitions
	@scripts/setup.sh run
	$(PY) -m stacks.settings_page

.PHONY: docs
docs: ## Build the documentation's site into build/site, and fail at a link that leads nowhere
	@scripts/setup.sh docs
	$(PY) scripts/site_sources.py build/site-sources
	$(PY) -m zensical build --clean --strict --config-file mkdocs.yml

.PHONY: links
links: ## Ask the other sites that the documents link to whether their pages are there
	@scripts/setup.sh docs
	$(PY) scripts/external_links.py

.PHONY: screenshots
screenshots: ## Draw the pictures of console and demo page in docs/images anew
	@scripts/setup.sh test
	PYTHONPATH=.:lambda_src $(PY) scripts/screenshots.py

.PHONY: gtm
gtm: ## Write what Google Tag Manager imports: make gtm ENDPOINT=https://… (or STACK=name) [OUT=directory]
	@scripts/setup.sh run
	@$(PY) -m cdk_gtm_connector.gtm $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") \
	    $(if $(STACK),--stack "$(STACK)") $(if $(OUT),--out "$(OUT)") $(ARGS)

.PHONY: verify
verify: ## Ask a deployed stack what only an account can answer: make verify STACK=GtmConnector
	@scripts/setup.sh run
	@$(PY) -m cdk_gtm_connector_cli.verify $(STACK) $(ARGS)

.PHONY: verify-all
verify-all: ## Deploy three short-lived stacks, ask all questions of them, remove them; says what it costs
	@scripts/setup.sh integ
	@$(PY) -m integ --cdk "$(CDK)" $(ARGS)

.PHONY: build
build: ## Build the wheel and the source distribution into dist
	@scripts/setup.sh release
	rm -rf dist
	$(PY) -m build --no-isolation

.PHONY: sbom
sbom: ## Write the bill of materials of what `make build` made: CycloneDX, into build
	@scripts/setup.sh release
	scripts/sbom.sh

.PHONY: requirements
requirements: ## Pin the requirements anew, with hashes (needs uv); make requirements ARGS= keeps the pins
requirements: ARGS = --upgrade
requirements:
	uv pip compile $(PIN) $(ARGS) requirements-dev.in -o requirements-dev.txt
	for set in "" -local -bench -capacity -docs -integ -release; do \
	    uv pip compile $(PIN) -c requirements-dev.txt requirements$$set.in -o requirements$$set.txt || exit; \
	done

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf .venv build cdk.out dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
