# Each target creates what it needs in .venv.
PYTHON ?= python3
# The CPU build. Any other torch in the range of setup.cfg works too.
TORCH ?= torch==2.13.0
VENV ?= .venv
VENV5 ?= .venv-transformers5
BIN = $(VENV)/bin
TEXT ?=
# Passed through the environment, unexpanded, so that make and the shell don't interpret the text.
export DEMO_TEXT := $(value TEXT)

.PHONY: demo test test-slow test-transformers5 sample project-docs lint titles clean

demo: $(VENV)/.demo  ## Link a page of sentences, or TEXT="your own text"
	@$(BIN)/python scripts/demo.py -- "$$DEMO_TEXT"

test: $(VENV)/.dev lint  ## Run the linter, the type checker and the default tests
	$(BIN)/python -m pytest -n logical --dist worksteal

test-slow: $(VENV)/.dev  ## Run the tests that take minutes or need large packages
	$(BIN)/python -m pytest -m slow

test-transformers5: $(VENV5)/.ready  ## Run the tests of models, search, tasks and training on transformers 5
	PYTHONPATH=$(CURDIR) $(VENV5)/bin/python -m pytest tests/model tests/decoding tests/tasks tests/training tests/test_tokenization.py

sample: $(VENV)/.dev  ## Run the workflow sample: titles, corpus, training, package, evaluation
	$(BIN)/python -m spacy project run sample

project-docs: $(VENV)/.dev  ## Write docs/project.md and the table of settings in docs/settings.md
	$(BIN)/python -m spacy project document . --output docs/project.md
	sed -i 's|](project.yml)|](../project.yml)|' docs/project.md
	$(BIN)/python scripts/settings_table.py genre_linker --write docs/settings.md
	$(BIN)/python scripts/settings_table.py genre_retriever --write docs/settings.md
	$(BIN)/python scripts/settings_table.py genre_annotator --write docs/settings.md

lint: $(VENV)/.dev  ## Run the linter and the type checker
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

titles: $(VENV)/.dev  ## Build the title set in the package again
	$(BIN)/python -m spacy project run titles embedded --force

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
	# Only for its sample of a Wikipedia dump, so without its dependencies.
	$(BIN)/python -m pip install --quiet --no-deps gensim==4.4.0
	touch $@

# spacy-transformers 1.4 keeps spaCy itself from working with version 5.
$(VENV5)/.ready: setup.cfg
	$(PYTHON) -m venv $(VENV5)
	$(VENV5)/bin/python -m pip install --quiet --upgrade pip
	$(VENV5)/bin/python -m pip install --quiet "$(TORCH)"
	$(VENV5)/bin/python -m pip install --quiet --editable ".[dev]"
	$(VENV5)/bin/python -m pip uninstall --quiet --yes spacy-transformers
	$(VENV5)/bin/python -m pip install --quiet --upgrade "transformers>=5,<6"
	$(VENV5)/bin/python -m pip install --quiet --no-deps gensim==4.4.0
	touch $@

clean:
	rm -rf $(VENV) $(VENV5) build dist *.egg-info demo.html
