"""The table of the study: texts cut as the paper's, widths that keep to their budgets, figures copied without slips."""

import json
import math
from pathlib import Path

import pytest

from corpora.corpus import Corpus
from corpora.errors import UserError
from corpora.spec import CorpusSpec
from corpora.split import split
from training import sweep
from training.config import ModelConfig
from training.model import CharacterModel
from training.study import paper, table, tables
from training.study.budget import SIZES, budget, fitted, parameters
from training.study.laboratory import Laboratory
from training.study.scale import Scale, whole
from training.study.texts import CHARACTERS, as_studied, piece

BYTES = "".join(chr(97 + n * n % 26) for n in range(1_234_567)) + "\u00e9\u2019"


def test_streams_are_char_rnns() -> None:
    spec, hook = as_studied(CorpusSpec(clean=("unix_newlines",)), "linux", "streams")
    assert not spec.clean
    characters = hook(BYTES)
    assert len(characters) == 1_230_000  # 100 streams of 123 blocks
    train, validation, test = split(characters, spec.split)
    first, last = characters[:12_300], characters[-12_300:]  # streams
    assert [len(part) for part in (train, validation, test)] == [1_107_000, 61_500, 61_500]
    assert train.startswith(first[:11_070] + characters[12_300:12_310])
    assert validation[:615] == first[11_070:11_685]
    assert test[:615] == first[11_685:]
    assert test[-615:] == last[-615:]


def test_the_plain_cut_leaves_every_byte_where_it_is() -> None:
    spec, hook = as_studied(CorpusSpec(), "war-and-peace", "contiguous")
    assert "".join(split(hook(BYTES), spec.split)).encode("latin-1") == BYTES.encode()
    assert len(split(hook(BYTES), spec.split)[2]) == pytest.approx(123_457, abs=1)


def test_a_piece_has_the_proportions_of_the_whole() -> None:
    part = piece(Corpus("All", "CC0", "a" * 800, "b" * 100, "c" * 100), 200)
    assert (part.train, part.validation, part.test) == ("a" * 160, "b" * 20, "c" * 20)
    with pytest.raises(UserError, match="All has 1,000 characters, which is less than a piece of 2,000"):
        piece(Corpus("All", "CC0", "a" * 800, "b" * 100, "c" * 100), 2000)


def test_a_budget_is_the_papers_lstm_with_one_hot_input() -> None:
    one_hot = CharacterModel(ModelConfig(kind="lstm", layers=1, units=64, embedding=87), 87)
    recurrent = sum(p.numel() for name, p in one_hot.named_parameters() if not name.startswith("embedding"))
    assert budget(64, 87) == recurrent
    assert [round(budget(size, 87), -4) for size in SIZES] == [40_000, 120_000, 380_000, 1_280_000]


@pytest.mark.parametrize("cell", table.cells(whole()), ids=lambda cell: cell.trial(whole()).name)
def test_a_cell_uses_its_budget_and_no_more(cell: table.Cell) -> None:
    characters = CHARACTERS[cell.data]
    model = cell.trial(whole()).model
    used, allowed = parameters(model, characters), budget(cell.size, characters)
    assert 0.95 * allowed < used <= allowed
    assert parameters(model.model_copy(update={"units": model.units + 1}), characters) > allowed


def test_all_cells_go_by_one_recipe() -> None:
    trials = [cell.trial(whole()) for cell in table.cells(whole())]
    assert len({trial.train.model_copy(update={"learning_rate": 1.0}).model_dump_json() for trial in trials}) == 1
    rates = {(trial.model.kind, round(trial.train.learning_rate * math.sqrt(trial.model.units), 3)) for trial in trials}
    assert rates == {("lstm", 0.192), ("gru", 0.096), ("rnn", 0.096)}
    assert whole().variant("fgr", 1, "linux").train.learning_rate == pytest.approx(0.024, rel=0.2)
    parts = {trial.name: trial.model.dropout for trial in trials}
    assert parts["war-and-peace-streams-gru-3-512"] == 2 * parts["linux-streams-gru-3-512"]
    assert max(parts.values()) == 0.2


def test_parameters_are_those_of_the_network() -> None:
    model = fitted(ModelConfig(kind="gru", layers=3, embedding=5), 16, 20)
    assert parameters(model, 20) == sum(p.numel() for p in CharacterModel(model, 20).parameters())


def test_the_papers_figures() -> None:
    assert len(table.cells(whole())) == 72
    known = [paper.cell(cell.data, cell.kind, cell.layers, cell.size) for cell in table.cells(whole())]
    assert known.count(None) == 6  # the dashes: RNN, 512, both texts
    assert min(nats for nats in known if nats) == 0.829
    assert paper.cell("war-and-peace", "gru", 3, 512) == 1.077
    assert sum(nats for nats in known if nats) == pytest.approx(79.369)
    assert paper.by_context("ngrams", "linux")[20] == 0.889


def test_a_table_is_filled_once_and_shown_with_what_is_missing(verse: Corpus, tmp_path: Path) -> None:
    made = whole().recipe
    train = made.train.model_copy(update={"epochs": 0.5, "batch": 4, "length": 16, "evaluations": 1, "device": "cpu"})
    scale = Scale(made.model_copy(update={"train": train}), sizes=(16, 32), layers=(1,))
    room = Laboratory(
        scale, lambda data, layout: verse, lambda: verse, tmp_path, tmp_path / "runs", about={"commit": "1234"}
    )
    places = table.cells(scale)
    table.fill(room, [place for place in places if place.size == 16 and place.kind != "gru"], "streams")
    records = json.loads((tmp_path / "table.json").read_text())
    assert [record["options"]["name"] for record in records][:2] == [
        "war-and-peace-streams-rnn-1-16",
        "linux-streams-rnn-1-16",
    ]
    rows = [table.row(place, records, scale) for place in places]
    filled = [row["record"] is not None for row in rows]
    assert filled == [place.size == 16 and place.kind != "gru" for place in places]
    assert all((row["nats"] is None) == (row["record"] is None) for row in rows)
    assert records[0]["commit"] == "1234"
    table.fill(room, [places[0]], "streams")
    assert sweep.read(tmp_path / "table.json") == records
    shown = tables.cells(rows)
    assert f"{rows[0]['nats']:.3f} (–)" in shown
    assert "– (–)" in shown
