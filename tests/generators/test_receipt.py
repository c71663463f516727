"""What makes a text again, and what is said where that cannot be."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import UserError
from generators.engine import Engine
from generators.generator import Generator
from generators.receipt import MARK, Receipt, digest, remade
from generators.sampling import Sampling
from generators.voice import Request, Voice

REQUEST = Request(style="haiku", message="abc", sampling=Sampling(temperature=1.0), seed=7, length=40, stop="")

words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=300)
requests = st.builds(
    Request,
    style=words,
    blend=st.none() | st.tuples(words, st.floats(0, 1)),
    before=words,
    message=words,
    prefix=words,
    seed=st.integers(0, 2**63),
    candidates=st.integers(1, 64),
)


@given(st.builds(Receipt, request=requests, model=words, more=st.lists(requests, max_size=2).map(tuple), digest=words))
def test_a_receipt_is_one_line_and_is_read_back(receipt: Receipt) -> None:
    line = str(receipt)
    assert line.startswith(MARK)
    assert line.isascii()
    assert not set(line) & set(" \n\t`*|<>&\"'")
    assert Receipt.read(f"  {line}\n") == receipt
    assert Receipt.read(receipt.model_dump_json()) == receipt


def test_a_short_conversation_has_a_short_receipt() -> None:
    request = Request(style="bible", message="Who made the sea?", seed=1234567, length=600, candidates=8, whole=True)
    model = "a68eb4f0a4a60b3bcb1b4f7ac6a1d1c1f8f1c2e5a4e5bd0d1a0b1a2b3c4d5e6f"
    assert len(str(Receipt(request=request, model=model, digest=digest("And God said")))) < 200


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "does not begin with apocrypha1"),
        ("Who made the sea?", "does not begin with"),
        ("apocrypha2.abc", "does not begin with"),
        (MARK, "Expecting value"),
        (MARK + "AAAA", "no receipt"),
        (MARK + "é", "broken on its way|no receipt"),
        ("{", "no receipt"),
        ("{}", "request: Field required"),
        ('{"request": {"style": "bible", "seed": -1}, "model": ""}', r"request\.seed = -1"),
        ('{"receipt": null}', "no receipt"),
    ],
)
def test_what_is_no_receipt_is_refused(line: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Receipt.read(line)


def test_half_a_receipt_is_refused() -> None:
    line = str(Receipt(request=REQUEST, model="m"))
    for size in range(len(MARK) + 1, len(line) - 1):
        with pytest.raises(UserError, match="no receipt"):
            Receipt.read(line[:size])


def test_a_bomb_does_not_go_off() -> None:
    line = str(Receipt(request=REQUEST.model_copy(update={"message": "a" * 30_000_000}), model="m"))
    assert len(line) < 100_000
    with pytest.raises(UserError, match="no receipt"):
        Receipt.read(line)


@pytest.fixture
def voice(make_voice: Callable[..., Voice]) -> Voice:
    return make_voice()


def test_a_text_of_several_parts_is_made_again(voice: Voice, speaking: Callable[..., Engine]) -> None:
    engine = speaking(voice)
    first, second = (Generator(engine, "haiku").text(REQUEST.model_copy(update={"seed": seed})) for seed in (7, 8))
    receipt = Receipt(request=REQUEST, model=voice.digest)
    assert remade(engine, receipt) == first
    assert remade(engine, receipt.model_copy(update={"said": 11})) == first[:11]
    longer = receipt.model_copy(update={"more": (REQUEST.model_copy(update={"seed": 8}),), "said": 5})
    assert remade(engine, longer) == first + "\n" * (not first.endswith("\n")) + second[:5]
    nothing = REQUEST.model_copy(update={"grammar": True, "stop": second[0], "seed": 8})  # its text is empty
    assert remade(engine, receipt.model_copy(update={"more": (nothing,)})) == first


def test_another_model_is_told(voice: Voice, speaking: Callable[..., Engine]) -> None:
    with pytest.raises(UserError, match=r"haiku: another model wrote this \(0123\)"):
        remade(speaking(voice), Receipt(request=REQUEST, model="0123"))
    with pytest.raises(KeyError):
        remade(speaking(voice), Receipt(request=REQUEST.model_copy(update={"style": "ode"}), model="0123"))


def test_a_post_shown_as_json_has_its_receipt_in_it() -> None:
    old = {"request": REQUEST.model_dump(mode="json"), "model": "m"}  # as posts had it first
    assert Receipt.read(json.dumps({"id": 3, "receipt": old})) == Receipt(request=REQUEST, model="m")


def test_the_digest_is_of_what_is_between_line_feeds() -> None:
    assert digest("a verse.\n") == digest("a verse.")
    assert digest("a verse. ") != digest("a verse.")
