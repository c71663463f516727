"""The API with its writers on a Ray cluster, which is begun here for the time being."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier

import openai
import pytest
from openai import OpenAI

from tests.bot.web.conftest import DAYS, SETTINGS, Server

pytestmark = pytest.mark.e2e
Serve = Callable[..., AbstractContextManager[Server]]
TEXTS, LENGTH = 6, 3_000


@pytest.fixture
def cluster(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip("ray.serve")
    endless = tmp_path / "home" / "plugins" / "endless"
    endless.mkdir(parents=True)
    (endless / "plugin.toml").write_text('summary = "Days without end"\n[text]\nstop = "@"\n', encoding="utf-8")
    (endless / "corpus.txt").write_text(DAYS + "\n", encoding="utf-8")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with serve(SETTINGS, "--cluster") as server:
        yield server


def writers(server: Server) -> list[int]:
    """Return the numbers of the replicas' processes."""

    def is_below(process: int) -> bool:
        while process > 1 and process != server.process.pid:
            stat = Path(f"/proc/{process}/stat").read_text()
            process = int(stat.rpartition(")")[2].split()[1])
        return process == server.process.pid

    named = [file.parent for file in Path("/proc").glob("[0-9]*/cmdline") if b"ServeReplica" in file.read_bytes()]
    return [process for process in map(int, (folder.name for folder in named)) if is_below(process)]


def test_a_replica_that_is_killed_loses_only_what_it_was_writing(cluster: Server) -> None:
    client = OpenAI(base_url=f"{cluster.url}/v1", api_key="-", max_retries=0)
    begun = Barrier(TEXTS + 1, timeout=60)

    def said(seed: int) -> tuple[str, str]:
        """Return a text as far as it came, and what went wrong."""
        text, pieces = "", 0
        try:
            with client.completions.create(
                model="endless", seed=seed, prompt="On day ", max_tokens=LENGTH, stream=True
            ) as stream:
                for piece in stream:
                    text += piece.choices[0].text
                    pieces += 1
                    if pieces == 5:
                        begun.wait()
        except openai.APIError as error:
            return text, str(error)
        return text, ""

    assert len(writers(cluster)) == 2
    with ThreadPoolExecutor(TEXTS) as pool:
        saying = [pool.submit(said, seed) for seed in range(TEXTS)]
        begun.wait()
        os.kill(writers(cluster)[0], signal.SIGKILL)
        outcomes = [each.result() for each in saying]
    lost = [text for text, fault in outcomes if "The machine that wrote this is gone" in fault]
    assert 0 < len(lost) == sum(bool(fault) for _, fault in outcomes) < TEXTS
    assert all(0 < len(text) < LENGTH for text in lost)
    for seed, (text, fault) in enumerate(outcomes):
        if fault:  # the other one answers, and the same seed begins with the same text
            again = client.completions.create(model="endless", seed=seed, prompt="On day ", max_tokens=LENGTH)
            assert again.choices[0].text.startswith(text)


def test_what_cannot_be_written_is_refused_as_it_is_without_a_cluster(cluster: Server) -> None:
    client = OpenAI(base_url=f"{cluster.url}/v1", api_key="-", max_retries=0)
    with pytest.raises(openai.NotFoundError, match="Did you mean 'weather'"):
        client.completions.create(model="wether", prompt="")
    with pytest.raises(openai.BadRequestError, match="no style named 'nobody'"):
        client.completions.create(model="weather", prompt="", extra_body={"blend": ["nobody", 0.5]})
