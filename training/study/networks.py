"""Which of the table's networks are looked at more closely, and what they and the n-gram models say of every character.

What is chosen is chosen by the validation text. The store keeps what was chosen (a few MB), so that it can be looked at
again without training it again.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint
from training.checkpoint import Model
from training.evaluation.comparison import Nats
from training.evaluation.held_out import text_nats
from training.evaluation.kneser_ney import character_nats
from training.study.laboratory import Laboratory
from training.study.table import Cell, cells
from training.sweep import Record, find
from training.vocabulary import Vocabulary

Counted = Callable[[], Mapping[int, Nats]]


@dataclass(frozen=True)
class Chosen:
    """A trained cell of the table, and its network."""

    room: Laboratory
    cell: Cell
    record: Record

    @property
    def name(self) -> str:
        """Return the name of its record."""
        return str(self.record["options"]["name"])

    @property
    def text(self) -> Corpus:
        """Return the text it learned from."""
        return self.room.text(self.cell.data)

    @property
    def kept(self) -> Path:
        """Return the folder of its model in the store."""
        return kept(self.room) / self.name

    @cached_property
    def model(self) -> Model:
        """Return its model, from where it is kept or was trained; raise UserError where it is in neither folder."""
        made = self.room.task(self.cell.trial(self.room.scale), self.text).model_folder
        for folder in filter(checkpoint.exists, (self.kept, made)):
            if (model := checkpoint.load(folder)).digest == self.record["model"]:
                return model
        raise UserError(
            f"The network of {self.name} is neither in {self.kept} nor in {made}, only its record is here. Bring it "
            f"from where it was trained, or take {self.name} out of {self.room.path('table')} and train it again."
        )

    @cached_property
    def test_nats(self) -> Nats:
        """Return what each character of the test text but the first costs it: (T - 1,)."""
        return text_nats(self.model, self.text.test)


def trained(room: Laboratory, data: str) -> list[Chosen]:
    """Return the cells of a text that have a record; raise UserError where there is none."""
    own, records = [cell for cell in cells(room.scale) if cell.data == data], room.records("table")
    found = [Chosen(room, cell, record) for cell in own if (record := find(records, cell.trial(room.scale)))]
    if not found:
        raise UserError(f"No network of {data} is trained yet: `apocrypha study table --data {data}` trains them.")
    return found


def best(room: Laboratory, data: str, size: int | None = None) -> Chosen:
    """Return the best trained cell of one size or of all."""
    found = [chosen for chosen in trained(room, data) if size in (None, chosen.cell.size)]
    return min(found, key=lambda chosen: float(chosen.record["validation"]))


def ends(room: Laboratory, data: str) -> dict[str, Chosen]:
    """Return the best trained cell, and the best ones of the smallest and the largest size that is trained."""
    sizes = sorted({each.cell.size for each in trained(room, data)})
    return {"smallest": best(room, data, sizes[0]), "largest": best(room, data, sizes[-1]), "best": best(room, data)}


def kept(room: Laboratory) -> Path:
    """Return the folder of the store that has the networks that were looked at."""
    return room.store / "networks"


def keep(room: Laboratory, data: str, chosen: Sequence[Chosen]) -> None:
    """Let the store have these networks of a text, and no others of it."""
    for each in chosen:
        checkpoint.save(each.kept, each.model.card, each.model.arrays)
    for folder in set(kept(room).glob(f"{data}-*")) - {each.kept for each in chosen}:
        shutil.rmtree(folder)


def counted(room: Laboratory, data: str) -> Counted:
    """Return what tells, when it is asked, what each character of the test text but the first costs n-gram models.

    That is (T - 1,) by their order, counted once.
    """

    @cache
    def nats() -> Mapping[int, Nats]:
        text, orders = room.text(data), room.scale.orders
        vocabulary = Vocabulary(text.alphabet)
        return character_nats(vocabulary.encode(text.train), vocabulary.encode(text.test), len(vocabulary), orders)

    return nats
