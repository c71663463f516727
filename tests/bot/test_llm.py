"""Voices in the real `llm`, as its users have them: by its command, and by its Python interface."""

from collections.abc import Iterator
from pathlib import Path

import llm
import pytest

from bot import llm_plugin
from tests.conftest import Run


@pytest.fixture
def voice(weather: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[llm.Model]:
    monkeypatch.setenv("APOCRYPHA_HOME", str(home))
    llm_plugin._engine.cache_clear()
    yield llm_plugin.Apocrypha("weather")
    llm_plugin._engine().close()
    llm_plugin._engine.cache_clear()


@pytest.mark.usefixtures("weather")
def test_a_prompt_is_answered_as_by_our_own_command(llm_command: Run, apocrypha: Run) -> None:
    ours = apocrypha("sample", "weather", "--seed", "7", "--message", "On day 3").stdout
    assert llm_command("-m", "apocrypha-weather", "On day 3", "-o", "seed", "7").stdout == ours
    options = ("-o", "seed", "7", "-o", "length", "12", "-o", "temperature", "0.5", "-o", "prefix", "On day 7")
    assert llm_command("-m", "apocrypha-weather", "On day 3", *options, "--no-stream").stdout.startswith("On day 7")
    assert (
        "less than or equal to 5"
        in llm_command("-m", "apocrypha-weather", "?", "-o", "temperature", "9", ok=False).stderr
    )


@pytest.mark.usefixtures("weather")
def test_a_chat_goes_on(llm_command: Run) -> None:
    said = llm_command("chat", "-m", "apocrypha-weather", "-o", "seed", "1", stdin="On day 3\nAnd then?\nquit\n").stdout
    assert "Chatting with apocrypha-weather" in said
    answers = [line.removeprefix("> ") for line in said.splitlines() if line.startswith("> ")]
    assert len([line for line in answers if line.startswith("On day ")]) == 2


def test_all_voices_are_models(voice: llm.Model) -> None:
    found: list[llm.Model] = []
    llm_plugin.register_models(found.append)
    assert {"apocrypha-bible", "apocrypha-weather"} <= {model.model_id for model in found}
    assert voice.can_stream


def test_an_answer_comes_as_it_is_written(voice: llm.Model) -> None:
    response = voice.prompt("On day 3", seed=7)
    pieces = list(response)
    assert len(pieces) > 1
    assert "".join(pieces) == voice.prompt("On day 3", seed=7).text()
    told = response.json()
    assert told is not None
    assert (told["seed"], told["trained"]) == (7, False)
    assert voice.prompt("On day 3").json() != voice.prompt("On day 3").json()


def test_a_conversation_is_read_before_an_answer(voice: llm.Model) -> None:
    conversation = voice.conversation()
    first = conversation.prompt("rain", seed=1).text()
    second = conversation.prompt("On day", seed=5, temperature=1.5).text()
    alone = voice.prompt("On day", seed=5, temperature=1.5).text()
    again = voice.conversation()
    assert again.prompt("rain", seed=1).text() == first
    assert again.prompt("On day", seed=5, temperature=1.5).text() == second
    assert isinstance(alone, str)


def test_what_a_person_can_mend_is_told(voice: llm.Model) -> None:
    with pytest.raises(Exception, match="There is no style named 'wether'"):
        llm_plugin.Apocrypha("wether").prompt("?").text()
    with pytest.raises(Exception, match=r"extra_forbidden|Extra inputs"):
        voice.prompt("?", colour="red")
