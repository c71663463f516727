# Everything lives in .venv; each target installs what it needs once and can be run again at once.
.PHONY: chat web bot test e2e train bench records clean

PYTHON ?= python3
PIP = .venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt

chat: .venv/.runtime
	@.venv/bin/apocrypha chat

test: .venv/.test
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	.venv/bin/pytest --cov -q -n 2 --dist worksteal

# The tests against real servers: Bluesky's own, and snac2. They are installed into .servers. Most of it is waiting, so
# three run at a time; those that measure run alone.
e2e: .venv/.test .servers/.installed
	.venv/bin/pytest -q -m "e2e and not alone" -n 3 --dist worksteal
	.venv/bin/pytest -q -m "e2e and alone"

web: .venv/.web
	@.venv/bin/apocrypha serve --open

bot: .venv/.bot
	@.venv/bin/apocrypha run

train: .venv/.train

bench: .venv/.train
	@.venv/bin/apocrypha bench

# What the README states and shows: run it alone on a quiet machine, then put the figures into the README.
records: .venv/.test
	.venv/bin/apocrypha bench --json > .bench.json && mv .bench.json docs/bench.json
	.venv/bin/apocrypha evaluate bible --adapt 0.1 --json > .adapt.json && mv .adapt.json docs/adapt.json
	.venv/bin/python docs/load.py
	.venv/bin/python docs/chat.py
	.venv/bin/apocrypha study replies
	.venv/bin/python -m tests.servers.crowd --store docs/discord.json
	.venv/bin/python -m tests.servers.transcript
	.venv/bin/python docs/web.py

clean:
	rm -rf .venv .servers .work .mypy_cache .pytest_cache .ruff_cache .coverage

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.runtime: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e .
	@touch $@

.venv/.web: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e '.[web]'
	@touch $@ .venv/.runtime

.venv/.bot: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e '.[social]'
	@touch $@ .venv/.runtime

.venv/.train: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e '.[train]'
	@touch $@ .venv/.runtime

.venv/.test: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP) -e '.[train,test]'
	@touch $@ .venv/.runtime .venv/.train

.servers/.installed: tests/servers/install tests/servers/package.json tests/servers/package-lock.json
	tests/servers/install .servers
	@touch $@
