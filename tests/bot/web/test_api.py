"""The API as OpenAI's own client uses it, against the real server."""

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.bot.web.conftest import Server

ASKED: dict[str, Any] = {"model": "weather", "prompt": "On day 7 ", "seed": 3}


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_the_voices_are_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"bible", "weather"} <= set(names)
    assert client.models.retrieve("weather").owned_by == "folder"
    first = [model.id for model in client.models.list() if model.model_extra and model.model_extra["default"]]
    assert first == ["bible"]


def test_the_same_seed_gives_the_same_text_whole_and_in_pieces(client: OpenAI) -> None:
    whole = client.completions.create(**ASKED)
    pieces = [chunk.choices[0] for chunk in client.completions.create(**ASKED, stream=True)]
    assert whole.choices[0].text.startswith("there was ")
    assert "".join(piece.text for piece in pieces) == whole.choices[0].text
    assert [piece.finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + ["stop"]
    assert client.completions.create(**ASKED | {"seed": 4, "temperature": 2}).choices[0].text != whole.choices[0].text


def test_a_drawn_seed_is_told_and_makes_the_text_again(client: OpenAI) -> None:
    drawn = client.completions.create(model="weather", prompt="", temperature=1.5)
    seed = (drawn.model_extra or {})["seed"]
    assert client.completions.create(model="weather", prompt="", temperature=1.5, seed=seed).choices == drawn.choices


def test_several_choices_have_successive_seeds(client: OpenAI) -> None:
    asked = ASKED | {"prompt": "On day", "temperature": 1.5}
    texts = [choice.text for choice in client.completions.create(**asked, n=3).choices]
    assert texts == [client.completions.create(**asked | {"seed": seed}).choices[0].text for seed in (3, 4, 5)]
    parts = ["", "", ""]
    for chunk in client.completions.create(**asked, n=3, stream=True):
        parts[chunk.choices[0].index] += chunk.choices[0].text
    assert parts == texts


def test_a_length_ends_a_text_and_is_counted(client: OpenAI) -> None:
    answer = client.completions.create(**ASKED, max_tokens=5)
    assert (len(answer.choices[0].text), answer.choices[0].finish_reason) == (5, "length")
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 5)
    chunks = list(client.completions.create(**ASKED, max_tokens=5, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage == answer.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize("stop", ["wind", ["nowhere", " wind", "and"], ["a", "w"]])
def test_a_text_ends_before_its_stops(client: OpenAI, stop: Any) -> None:
    free = client.completions.create(**ASKED).choices[0].text
    stops = [stop] if isinstance(stop, str) else stop
    wanted = free[: min(free.find(each) % (len(free) + 1) for each in stops)]
    whole = client.completions.create(**ASKED, stop=stop)
    assert whole.choices[0].text == wanted != free
    assert "".join(c.choices[0].text for c in client.completions.create(**ASKED, stop=stop, stream=True)) == wanted


def test_the_chances_are_those_of_the_characters(client: OpenAI) -> None:
    choice = client.completions.create(**ASKED, echo=True, logprobs=3).choices[0]
    told = choice.logprobs
    assert told
    assert told.tokens
    assert told.token_logprobs
    assert told.top_logprobs
    assert told.text_offset is not None
    assert choice.text == "On day 7 " + "".join(told.tokens[9:]) == "".join(told.tokens)
    for token, chance, top in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert len(top) == 3
        assert sum(map(math.exp, top.values())) <= 1.0001
        assert top.get(token, chance) == pytest.approx(chance, abs=1e-4)


def test_a_chat_is_answered_and_its_past_is_read(client: OpenAI) -> None:
    question: Any = {"role": "user", "content": "On day 7 there was"}
    asked: dict[str, Any] = {"model": "weather", "seed": 1, "temperature": 1.3, "logprobs": True, "top_logprobs": 2}
    answer = client.chat.completions.create(**asked, messages=[question])
    assert answer.choices[0].message.content
    chances = answer.choices[0].logprobs
    assert chances
    assert chances.content
    assert "".join(each.token for each in chances.content) == answer.choices[0].message.content
    past: list[Any] = [question, {"role": "assistant", "content": "On day 9 there was fog."}, question]
    whole = client.chat.completions.create(**asked, messages=past)
    said = client.chat.completions.create(**asked, messages=past, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in said) == whole.choices[0].message.content


def test_a_blend_speaks(client: OpenAI) -> None:
    mixed = client.completions.create(**ASKED, extra_body={"blend": ["weather", 0.5]})
    assert mixed.choices[0].text == client.completions.create(**ASKED).choices[0].text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 1000}, "n: "),
        ({"prompt": "x" * 1_000_000}, "may have 1,000,000 bytes"),
        ({"prompt": "x" * 30_000}, "at most 20000"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"tools": [{"type": "function"}]}}, "tools: this has no meaning here"),
        ({"frequency_penalty": 1.5}, "frequency_penalty"),
        ({"extra_body": {"blend": ["wether", 0.5]}}, "weather"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_is_told(client: OpenAI, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.APIStatusError, match=words) as caught:
        client.completions.create(**ASKED | changes)
    assert 400 <= caught.value.status_code < 500
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]


def test_an_unknown_voice_is_answered_with_the_known_ones(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean 'weather'"):
        client.completions.create(model="wether", prompt="")


@pytest.mark.parametrize("characters", ["", "\U0001f600" * 2000, "\u202e\u200b", "\x00\ufffe", "\u0915\u094d" * 500])
def test_strange_messages_are_answered(client: OpenAI, characters: str) -> None:
    message: Any = {"role": "user", "content": characters}
    assert client.chat.completions.create(model="weather", seed=1, messages=[message]).choices[0].message.content
