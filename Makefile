# The two commands of the README set everything up by themselves, in .venv.
PYTHON ?= python3
# The build for CPUs of this version; another torch of the range in setup.cfg does as well.
TORCH ?= torch==2.13.0
VENV ?= .venv
BIN = $(VENV)/bin
TEXT ?=
# Through the environment and unexpanded, so that no character of a text means anything to make
# or to the shell.
export DEMO_TEXT := $(value TEXT)

.PHONY: demo test test-slow sample project-docs lint titles clean

demo: $(VENV)/.demo  ## Link a page of sentences, or TEXT="a text of your own"
	@$(BIN)/python scripts/demo.py -- "$$DEMO_TEXT"

test: $(VENV)/.dev lint  ## Run the lint, the type check and the default tests
	$(BIN)/python -m pytest

test-slow: $(VENV)/.dev  ## Run the tests that take minutes or large packages
	$(BIN)/python -m pytest -m slow

sample: $(VENV)/.dev  ## Go the whole way on a hundred articles: titles, corpus, training, package
	$(BIN)/python -m spacy project run sample

project-docs: $(VENV)/.dev  ## Write docs/project.md from project.yml
	$(BIN)/python -m spacy project document . --output docs/project.md
	sed -i 's|](project.yml)|](../project.yml)|' docs/project.md

lint: $(VENV)/.dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

titles: $(VENV)/.dev  ## Make the title set that comes with the package again
	$(BIN)/python scripts/default_titles.py build/titles
	$(BIN)/python -m spacy genre titles build build/titles/enwiki-sample.xml.bz2 \
		build/titles/vital.jsonl build/titles/companies.jsonl \
		spacy_genre/assets/titles.safetensors \
		--linked --exclude-disambiguation --no-anchors --force

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	touch $@

$(VENV)/.%: $(VENV)/.python setup.cfg
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@

$(VENV)/.dev: $(VENV)/.python setup.cfg
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	# For its sample of a dump of Wikipedia, not to be run: so without what it would need for that.
	$(BIN)/python -m pip install --quiet --no-deps gensim==4.4.0
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info demo.html
