"""Which of the table's networks are looked at more closely, and what they and the n-gram models say of every character.

What is chosen is chosen by the validation text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def model(self) -> Model:
        """Return its model folder; raise UserError where that is not here."""
        folder = self.room.task(self.cell.trial(self.room.scale), self.text).model_folder
        if not checkpoint.exists(folder):
            raise UserError(
                f"{folder}: the network of {self.name} is not here, only its record. Bring the folder from where it "
                f"was trained, or take {self.name} out of {self.room.path('table')} and train it again."
            )
        return checkpoint.load(folder)

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


def ngram_nats(room: Laboratory, data: str) -> Mapping[int, Nats]:
    """Return what each character of the test text but the first costs the n-gram models, by their order: (T - 1,)."""
    text, orders = room.text(data), room.scale.orders
    vocabulary = Vocabulary(text.alphabet)
    return character_nats(vocabulary.encode(text.train), vocabulary.encode(text.test), len(vocabulary), orders)
