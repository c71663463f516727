"""Servers that are programs of their own, on ports of this machine."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
INSTALLED = ROOT / ".servers"
MODULES = INSTALLED / "node_modules"
SNAC = INSTALLED / "snac" / "usr" / "bin" / "snac"
PATIENCE = 60  # seconds until a server answers


def needed(path: Path, what: str) -> None:
    """Skip the test where a server cannot be installed; fail where it only is not."""
    if path.exists():
        return
    if path == SNAC and not shutil.which("apt-get"):
        pytest.skip(f"{what} comes as a Debian package")
    pytest.fail(f"{what} is not installed: make e2e")


class Process:
    """A server, ready when its URL answers."""

    def __init__(self, command: Sequence[str | Path], url: str, log: Path, **environment: str) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=os.environ | environment
            )
        end = time.monotonic() + PATIENCE
        while not answers(url):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)  # until another process is ready there is nothing to wait on

    def stop(self) -> None:
        """End it at once: nothing that it keeps is needed."""
        self._process.kill()
        self._process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def mastodon_mock(port: int, folder: Path) -> Process:
    command = [
        sys.executable,
        "-m",
        "mastodon_mock",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--in-memory",
    ]
    return Process(command, f"http://127.0.0.1:{port}/api/v2/instance", folder / "mastodon_mock.log")


def snac(port: int, advertised: int, folder: Path) -> tuple[Process, str]:
    """Start a server with a user "bot"; return the password too."""
    data = folder / "data"
    settings = f"127.0.0.1\n{port}\n127.0.0.1:{advertised}\n\n\n"
    subprocess.run([SNAC, "init", data], input=settings, text=True, check=True, capture_output=True)
    configuration = data / "server.json"
    text = configuration.read_text()
    configuration.write_text(re.sub(r'"protocol":\s*"https"', '"protocol": "http"', text))
    added = subprocess.run(
        [SNAC, "adduser", data, "bot"], input="bot\nBot\nbot\n", text=True, check=True, capture_output=True
    )
    password = re.search(r"password is (\S+)", added.stdout + added.stderr)
    assert password, added.stdout + added.stderr
    return Process([SNAC, "httpd", data], f"http://127.0.0.1:{port}/", folder / "snac.log"), password[1]


def pds(port: int, advertised: int, directory: int, folder: Path) -> Process:
    """Start Bluesky's server and a directory of its users."""
    node = shutil.which("node")
    assert node, "node is missing"
    (folder / "data").mkdir()
    return Process(
        [node, Path(__file__).with_name("pds.cjs")],
        f"http://127.0.0.1:{port}/xrpc/_health",
        folder / "pds.log",
        NODE_PATH=str(MODULES),
        NODE_ENV="production",
        LOG_ENABLED="false",
        LISTEN=str(port),
        ADVERTISED=str(advertised),
        PLC=str(directory),
        DATA=str(folder),
    )
