"""The buttons under an answer, each of them, before and after a restart."""

import hashlib
import re

import discord
import pytest

from bot.chat.talks import Talks
from bot.conversation import Turn
from generators.receipt import Receipt, remade
from tests.bot.chat.discord.conftest import House, Scene

DAY = re.compile(r"On day \d+ there was \w+ and wind from the \w+\.")
NAMES = ["again", "longer", "hotter", "cooler", "receipt", "report"]


def turns(scene: Scene, house: House) -> tuple[Turn, ...]:
    return Talks(house.store).recall(scene.general.id, scene.alice.id).turns


async def test_under_an_answer_there_are_all_buttons(scene: Scene) -> None:
    answer = await scene.ask()
    rows = [row for row in answer.components if isinstance(row, discord.ActionRow)]
    assert [button.label for row in rows for button in row.children if isinstance(button, discord.Button)] == NAMES


async def test_again_says_something_else_to_the_same_question(scene: Scene, house: House) -> None:
    answer = await scene.ask("what now")
    (first,) = turns(scene, house)
    given = await scene.alice.click(answer, label="again")
    assert given.response
    assert DAY.match(given.response.content)
    (second,) = turns(scene, house)
    assert (first.message, second.message) == ("what now", "what now")
    assert first.receipt.request.seed != second.receipt.request.seed
    assert first.receipt.request.model_copy(update={"seed": second.receipt.request.seed}) == second.receipt.request
    assert given.response.components


async def test_longer_goes_on(scene: Scene, house: House) -> None:
    answer = await scene.ask()
    given = await scene.alice.click(answer, label="longer")
    assert given.response
    match = DAY.match(given.response.content)
    assert match
    (turn,) = turns(scene, house)
    assert turn.answer.rstrip().endswith(match[0])
    assert len(turn.receipt.more) == 1


@pytest.mark.parametrize(("label", "warmer"), [("hotter", 0.2), ("cooler", -0.2)])
async def test_hotter_and_cooler_change_the_temperature_of_this_answer(
    scene: Scene, house: House, label: str, warmer: float
) -> None:
    answer = await scene.ask()
    before = turns(scene, house)[0].receipt.request.sampling.temperature
    given = await scene.alice.click(answer, label=label)
    assert given.response
    assert turns(scene, house)[0].receipt.request.sampling.temperature == pytest.approx(before + warmer)
    await scene.alice.click(given.response, label=label)
    assert turns(scene, house)[0].receipt.request.sampling.temperature == pytest.approx(before + 2 * warmer)
    await scene.ask("another question")
    assert turns(scene, house)[-1].receipt.request.sampling.temperature == before


async def test_the_receipt_makes_the_answer_again(scene: Scene, house: House) -> None:
    answer = await scene.ask()
    given = await scene.alice.click(answer, label="receipt")
    assert given.ephemeral
    assert given.response
    line = given.response.content.splitlines()[2]
    assert DAY.match(answer.content)
    assert remade(house.engine, Receipt.read(line)) == turns(scene, house)[0].answer
    assert remade(house.engine, Receipt.read(line)).strip() == answer.content.splitlines()[0]


async def test_a_long_receipt_is_a_file(scene: Scene, house: House) -> None:
    drawn = b"".join(hashlib.sha512(bytes([number])).digest() for number in range(28))
    words = "".join("adeghinorstuwy 0123456789"[byte % 25] for byte in drawn)  # what the voice knows
    answer = await scene.ask(words)
    given = await scene.alice.click(answer, label="receipt")
    assert given.response
    (file,) = given.response.attachments
    line = (await file.read()).decode()
    assert remade(house.engine, Receipt.read(line)) == turns(scene, house)[0].answer


async def test_others_cannot_have_an_answer_said_differently(scene: Scene) -> None:
    answer = await scene.ask()
    given = await scene.bob.click(answer, label="again")
    assert given.ephemeral
    assert given.response
    assert "Only the one who asked" in given.response.content
    assert (await scene.bob.click(answer, label="receipt")).ephemeral


async def test_who_asked_can_take_an_answer_back_by_reporting_it(scene: Scene, house: House) -> None:
    answer = await scene.ask()
    given = await scene.alice.click(answer, label="report")
    assert "I took it back" in given.followups[0].content
    assert scene.said() == []
    assert turns(scene, house) == ()


async def test_what_others_report_is_shown_to_the_admins(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    desk = scene.guild.create_text_channel("desk")
    await scene.carol.slash(scene.general, "settings desk", channel=desk)
    answer = await scene.ask()
    given = await scene.bob.click(answer, label="report")
    assert given.ephemeral
    (told,) = scene.said(desk)
    assert answer.jump_url in told.content
    assert "bob" in told.content
    assert len(scene.said()) == 1
    assert "was reported" in caplog.text
    assert answer.content[:10] not in caplog.text


async def test_a_moderator_takes_back_what_others_asked(scene: Scene, house: House) -> None:
    moderators = scene.guild.create_role("Moderators", permissions=discord.Permissions(manage_messages=True))
    dan = scene.guild.add_member(scene.env.create_user("dan"), roles=[moderators])
    await scene.alice.slash(scene.general, "ask", message="x", style="scroll", seed=1)
    assert len(scene.said()) > 1
    await dan.click(scene.said()[-1], label="report")
    assert scene.said() == []


async def test_buttons_work_after_a_restart(scene: Scene, house: House) -> None:
    answer = await scene.ask("what now")
    await scene.env.restart_bot(house.client())
    for label in ("again", "longer", "hotter", "receipt"):
        given = await scene.alice.click(answer, label=label)
        assert given.response, label
    assert [turn.message for turn in turns(scene, house)] == ["what now"]


async def test_a_button_under_what_was_forgotten_says_so(scene: Scene) -> None:
    answer = await scene.ask()
    await scene.alice.slash(scene.general, "forget me")
    for label in NAMES:
        given = await scene.alice.click(answer, label=label)
        assert given.response
        assert "no longer remember" in given.response.content
