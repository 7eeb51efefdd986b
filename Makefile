# The front door of the course: `make help` lists the commands. GNU make 3.81 or newer.

PYTHON ?= python3
CONSTRAINTS = constraints.txt

VENV_PYTHON = .venv/bin/python
INSTALLED = .venv/.installed

# Another environment's settings must not leak into .venv.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL = help
.PHONY: help install lab read test test-browser test-book test-colab notebooks exercises live book check bench pictures stamp constraints clean

help: ## list these commands
	@echo "Commands (PYTHON=python3.12 chooses another Python for the set-up):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## create .venv and install everything the course needs
	@echo "The course is installed in .venv: 'make lab' opens it."

# A second run is instant: this file is newer than what it was made from.
$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The course needs Python 3.11 or newer; $(PYTHON) is: $$("$(PYTHON)" --version 2>&1)"; \
	  echo "Name a newer one: make install PYTHON=python3.12"; exit 1; } >&2
	@$(VENV_PYTHON) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Creating .venv with $$("$(PYTHON)" --version)"; "$(PYTHON)" -m venv --clear .venv; }
	@echo "Installing into .venv (needs 3 GB of disk; minutes the first time) ..."
	@quiet=--quiet; [ ! -t 1 ] || quiet=; \
	$(VENV_PYTHON) -m pip install $$quiet $(CONSTRAINTS:%=--constraint %) --editable '.[dev,survey]' || { \
	  echo "The installation failed: pip says why above. If it found no tensorflow, there is none"; \
	  echo "for $$($(VENV_PYTHON) --version) yet: make clean install PYTHON=python3.12"; \
	  echo "(there is none at all for Macs with an Intel processor)."; exit 1; } >&2
	@# Matplotlib lists the fonts now, not in a student's cell.
	@$(VENV_PYTHON) -c 'import matplotlib.font_manager'
	@touch $(INSTALLED)

# Its settings are in tools/jupyter, and hold for this JupyterLab alone.
# JupyterLab refuses to run as root (a container's usual user) unless told that it is meant.
lab: $(INSTALLED) ## open JupyterLab at chapter 1; on a server: make lab PORT=8888 BROWSER=no
	@JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	$(VENV_PYTHON) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/01_introduction.ipynb \
	  $(PORT:%=--port=% --ServerApp.port_retries=0) $(if $(filter no,$(BROWSER)),--no-browser) \
	  $(if $(filter 0,$(shell id -u)),--allow-root)

# The book is built when something in it is newer. `make book` builds it whatever is newer.
BOOK = build/book/index.html
$(BOOK): $(INSTALLED) $(wildcard notebooks/*.ipynb notebooks/*.toml exercises/student/*.ipynb \
  exercises/course_exercises/sheets/*.py live/*.* live/pages/*.md NOTICE.md book/*.* book/*/*.* \
  course_utils/*/*.py)
	@$(MAKE) --no-print-directory book
	@touch $@

read: $(BOOK) ## build the web book if need be, and open it; on a server: make read PORT=8000 BROWSER=no
	@$(VENV_PYTHON) -m book.tools.read_book $(PORT)

test: $(INSTALLED) ## run all tests, and every cell of the chapters against its stored output
	@COURSE_MODEL=embedded COURSE_OFFLINE=1 TF_CPP_MIN_LOG_LEVEL=3 $(VENV_PYTHON) -m pytest

test-browser: $(INSTALLED) ## drive explorers and type a live chapter in JupyterLab; needs Chromium
	@$(VENV_PYTHON) -m pip install --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[dev,browser]'
	@$(VENV_PYTHON) -m pytest -o addopts= -s tests/browser/check_explorers.py live/tests/check_live.py

test-book: $(INSTALLED) ## look at every page of the built book; needs Chromium and its driver
	@$(VENV_PYTHON) -m pip install --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[dev,browser]'
	@$(VENV_PYTHON) -m pytest -o addopts= -s book/tests/check_book.py book/tests/check_explorers.py \
	  book/tests/check_teach.py

test-colab: .venv-colab/.installed ## run chapters and explorers with Colab's versions of everything
	@.venv-colab/bin/python -m pytest -o addopts= -s tests/colab/check_chapters.py
	@COURSE_MODEL=embedded COURSE_OFFLINE=1 .venv-colab/bin/python -m pytest -o addopts= \
	  tests/display/test_pictures.py tests/display/test_words.py tests/explorers

.venv-colab/.installed: tests/colab/requirements.txt
	@echo "Installing into .venv-colab (needs 3 GB of disk; minutes the first time) ..."
	@"$(PYTHON)" -m venv --clear .venv-colab
	@.venv-colab/bin/python -m pip install --quiet --requirement tests/colab/requirements.txt
	@touch $@

notebooks: $(INSTALLED) stamp ## build the .ipynb chapters from the .py files and execute them
	@$(VENV_PYTHON) tools/build_notebooks.py build

exercises: $(INSTALLED) ## build students' and solution notebooks from the sheets in exercises/
	@$(VENV_PYTHON) -m exercises.tools.build_exercises build

live: $(INSTALLED) ## build the live notebooks and the lecturer's pages from chapters and live/notes
	@$(VENV_PYTHON) -m live.tools.build_live build

build/npm/node_modules: book/package.json book/package-lock.json
	@command -v npm >/dev/null || { echo "The book needs npm: install Node.js (nodejs.org)." >&2; exit 1; }
	@mkdir -p build/npm && cp $^ build/npm
	@cd build/npm && npm ci --silent --ignore-scripts --prefer-offline && touch node_modules

book: $(INSTALLED) build/npm/node_modules ## build the web book, chapters, exercises and lecturer's pages, in build/book; needs npm
	@$(VENV_PYTHON) -m pip install --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[dev,book]'
	@$(VENV_PYTHON) -m book.tools.build_explorers
	@$(VENV_PYTHON) -m book.tools.build_book

check: $(INSTALLED) ## say which derived files are stale; check sizes, imports, types and style
	@status=0; $(VENV_PYTHON) tools/build_notebooks.py check || status=1; \
	$(VENV_PYTHON) tools/stamp.py check || status=1; \
	$(VENV_PYTHON) -m tools.build_pictures check || status=1; \
	$(VENV_PYTHON) -m exercises.tools.build_exercises check || status=1; \
	$(VENV_PYTHON) -m live.tools.build_live check || status=1; \
	$(VENV_PYTHON) -m tools.budget || status=1; \
	found=$$(.venv/bin/lint-imports) || { echo "$$found"; status=1; }; \
	$(VENV_PYTHON) -m mypy || status=1; \
	$(VENV_PYTHON) -m ruff check . || status=1; exit $$status

bench: $(INSTALLED) ## measure the methods beside tf-keras-vis, the explorers beside subplots
	@$(VENV_PYTHON) benchmarks/run.py

pictures: $(INSTALLED) ## build the README's pictures; needs Chromium and its driver
	@$(VENV_PYTHON) -m pip install --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[dev,browser]'
	@MPLBACKEND=agg COURSE_OFFLINE=1 $(VENV_PYTHON) -m tools.build_pictures

stamp: ## write contents and address into README, chapters and issue form
	@"$(PYTHON)" tools/stamp.py

# Made with the oldest Python: its releases run on the newer ones too, but not the other way round.
# An early 3.11, if you can (Debian 12 has 3.11.2): some releases ask for 3.11.5.
constraints: ## renew constraints.txt from the newest releases (PYTHON must be 3.11)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "constraints.txt is made with Python 3.11: make constraints PYTHON=python3.11"; \
	  exit 1; } >&2
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && "$(PYTHON)" -m venv "$$fresh" && \
	"$$fresh/bin/python" -m pip install --quiet --editable '.[dev,survey,book]' && \
	"$$fresh/bin/python" -m pip freeze --exclude-editable > "$$fresh/frozen" && { \
	  echo "# Versions known to work together, for pip's --constraint; pyproject.toml has only lower"; \
	  echo "# bounds. Made by 'make constraints' with Python 3.11; holds for 3.11 to 3.13."; \
	  cat "$$fresh/frozen"; } > constraints.txt
	@echo "constraints.txt is new; 'make test' tries it."

clean: ## remove .venv and everything else that these commands created
	@rm -rf .venv .venv-colab .pytest_cache .ruff_cache .mypy_cache .import_linter_cache build course_utils.egg-info notebooks/*.part
	@find . -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
