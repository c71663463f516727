"""A plugin as a distribution: a project that pip can install, and the wheel of one with its trained model inside."""

import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from flit_core.common import ProblemInModule
from flit_core.config import ConfigError
from flit_core.wheel import make_wheel_in
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from corpora.errors import UserError
from generators.plugin import Plugin
from generators.registry import GROUP
from training import checkpoint

PREFIX = "apocrypha"
LEFT_OUT = ("__pycache__", "*.pyc", "model", "*.part")

PROJECT = """\
[build-system]
requires = ["flit_core>=3.10"]
build-backend = "flit_core.buildapi"

[project]
name = "{distribution}"
version = "{version}"
description = {summary}
readme = "README.md"
requires-python = ">=3.11"
license = "{expression}"  # that of the text; LICENSE says it in words
license-files = ["LICENSE"]
dependencies = ["apocrypha"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."{group}"]
{name} = "{module}"
"""
README = """\
# {distribution}

{summary}. A voice for [Apocrypha](https://pypi.org/project/apocrypha/):

```sh
pip install {distribution}
apocrypha chat {name}
```

It learned from: {title}. Licence of that text: {licence}.
"""
LICENSE = """\
{title}

Licence: {licence}

The voice in this package learned from the text above.
"""
TEST = '''\
"""What this voice must show before it may post. Run: pytest --pyargs {module}."""

from pathlib import Path

from generators.testing import check_plugin


def test_it_may_post() -> None:
    check_plugin(Path(__file__).parent)
'''


def module_of(name: str) -> str:
    """Return the name of the package that is a plugin's folder."""
    return f"{PREFIX}_{name.replace('-', '_')}"


def lay_out(project: Path, plugin: Plugin, version: str = "0.1.0") -> Path:
    """Write what makes a project of a plugin, and return where in it the plugin's own files belong."""
    corpus, module = plugin.manifest.corpus, module_of(plugin.name)
    fields = {
        "name": plugin.name,
        "distribution": f"{PREFIX}-{plugin.name}",
        "module": module,
        "version": version,
        "summary": plugin.manifest.summary or f"The voice {plugin.name}",
        "title": corpus.title or corpus.file,
        "licence": corpus.licence,
        "expression": _expression(corpus.licence),
        "group": GROUP,
    }
    folder = project / module
    folder.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        PROJECT.format(**fields | {"summary": _line(fields["summary"])}), encoding="utf-8"
    )
    (project / "README.md").write_text(README.format(**fields), encoding="utf-8")
    (project / "LICENSE").write_text(LICENSE.format(**fields), encoding="utf-8")
    (folder / "__init__.py").write_text(f'"""The voice {plugin.name}, for Apocrypha."""\n')
    (folder / "test_voice.py").write_text(TEST.format(**fields))
    return folder


def build(plugin: Plugin, models: Path, into: Path, version: str, with_text: bool) -> Path:
    """Write a wheel of a plugin with its trained model, and return where it is.

    A plugin inside a project of its own is built as that says, others as `lay_out` does. Raise UserError where the
    licence of the text is not said, where there is no model, and where the project is faulty.
    """
    model = plugin.trained_folder(models)
    if model is None:
        raise UserError(f"{plugin.name} has no trained model to pack: `apocrypha train {plugin.name}`.")
    if plugin.manifest.corpus.licence in ("", "unknown"):
        raise UserError(
            f"{plugin.folder / 'plugin.toml'}: others shall have it, so say on what terms its text is: "
            '[corpus] licence = "...".'
        )
    left_out = LEFT_OUT if with_text else (*LEFT_OUT, plugin.manifest.corpus.file)
    with tempfile.TemporaryDirectory() as scratch:
        project, own = Path(scratch) / "project", plugin.folder.resolve()
        if (own.parent / "pyproject.toml").exists():
            shutil.copytree(own.parent, project, ignore=shutil.ignore_patterns(*left_out, "dist", ".*"))
            folder = project / own.name
        else:
            folder = lay_out(project, plugin, version)
            shutil.copytree(own, folder, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True)
        name(folder, plugin)
        _copy_model(model, folder / "model")
        return _built(project, into)


def name(folder: Path, plugin: Plugin) -> None:
    """Write the plugin's name into its plugin.toml, where it had it from its folder."""
    path = folder / "plugin.toml"
    text = path.read_text(encoding="utf-8")
    if not tomllib.loads(text).get("name"):
        path.write_text(f'name = "{plugin.name}"\n{text}', encoding="utf-8")


def _copy_model(model: Path, into: Path) -> None:
    """Copy what makes a voice, and nothing else that may lie beside it."""
    checkpoint.load(model)  # a faulty one is refused here
    into.mkdir()
    for file in sorted(model.glob("*.safetensors")) + sorted(model.glob("*.json")):
        shutil.copyfile(file, into / file.name)


def _built(project: Path, into: Path) -> Path:
    try:
        into.mkdir(parents=True, exist_ok=True)
        made: Path = make_wheel_in(project / "pyproject.toml", into).file
    except (ConfigError, ProblemInModule, ValueError) as error:
        raise UserError(f"The project's pyproject.toml cannot be built: {error}") from error
    except OSError as error:
        raise UserError(f"{into}: the wheel could not be written ({error.strerror}).") from error
    return made


def _expression(licence: str) -> str:
    """Return a licence as a package's metadata names it (PEP 639): by SPDX's name where it is one."""
    try:
        return canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", licence).strip("-.")[:40] or "unknown")


def _line(text: str) -> str:
    """Return a text as a TOML string of one line."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
