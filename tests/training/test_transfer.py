from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from corpora.corpus import Corpus
from corpora.errors import UserError
from training import checkpoint, trainer
from training.checkpoint import Arrays, Model, ModelCard
from training.config import ModelConfig, TrainConfig
from training.model import CharacterModel
from training.trainer import Run
from training.transfer import transfer
from training.vocabulary import Vocabulary

CONFIG = ModelConfig(units=6, layers=2, embedding=5)
QUICK = TrainConfig(epochs=8, batch=4, length=32, learning_rate=0.02, warmup=5, evaluations=4, patience=99)


def drawn(characters: str, seed: int, config: ModelConfig = CONFIG) -> Arrays:
    torch.manual_seed(seed)
    return CharacterModel(config, len(characters)).arrays()


def model(characters: str, config: ModelConfig = CONFIG) -> Model:
    card = ModelCard(model=config, vocabulary=characters, parameters=1)
    return Model(card, drawn(characters, 1, config), "digest")


def test_a_character_keeps_its_row_and_a_new_one_has_a_fresh_one() -> None:
    old, fresh = model("acdz"), drawn("abcd", 2)
    arrays = transfer(old, CONFIG, Vocabulary("abcd"), fresh)
    for name in ("embedding.weight", "projection.weight", "projection.bias"):
        rows = [old.arrays[name][0], fresh[name][1], old.arrays[name][1], old.arrays[name][2]]
        np.testing.assert_array_equal(arrays[name], np.stack(rows))
    for name in arrays.keys() - {"embedding.weight", "projection.weight", "projection.bias"}:
        np.testing.assert_array_equal(arrays[name], old.arrays[name])
    assert arrays.keys() == fresh.keys()


def test_a_tied_model_has_no_rows_of_its_projection() -> None:
    tied = CONFIG.model_copy(update={"tied": True, "embedding": 6})
    arrays = transfer(model("ab", tied), tied, Vocabulary("bc"), drawn("bc", 2, tied))
    assert "projection.weight" not in arrays


def test_another_shape_is_refused_by_name_and_another_dropout_is_not() -> None:
    other = ModelConfig(units=6, layers=1, embedding=5)
    with pytest.raises(UserError, match="has layers = 2; the one to be trained must have the same shape"):
        transfer(model("ab"), other, Vocabulary("ab"), drawn("ab", 2, other))
    transfer(model("ab"), CONFIG.model_copy(update={"dropout": 0.5}), Vocabulary("ab"), drawn("ab", 2))


def test_what_was_learned_before_is_known_at_once(verse: Corpus, tmp_path: Path) -> None:
    for _ in trainer.train(CONFIG, QUICK, verse, tmp_path / "first"):
        pass
    begin = checkpoint.load(tmp_path / "first" / "model")
    more = verse.train[:120] + "in the end was the beginning!\n"  # four lines that it knows, and one that is new
    other = replace(verse, train=more * 40, validation=more * 8, test=more * 8)
    alone, tuned = Run(CONFIG, QUICK, other, tmp_path / "a"), Run(CONFIG, QUICK, other, tmp_path / "b", begin)
    assert tuned.evaluate()[0] < 0.7 * alone.evaluate()[0]
    assert tuned.card().run["begun"]["digest"] == verse.digest
    assert "begun" not in alone.card().run
    assert alone.identity != tuned.identity


def test_the_vocabularies_of_both_texts_are_merged(verse: Corpus, tmp_path: Path) -> None:
    begin = model("".join(sorted(set(verse.alphabet) | set("{}"))))
    other = replace(verse, train=verse.train.replace("a", "\u00e4"), validation=verse.validation, test=verse.test)
    run = Run(CONFIG, QUICK, other, tmp_path, begin)
    assert set(run.vocabulary.characters) == set(begin.card.vocabulary) | {"\u00e4"}
    for character in "{}b":
        row = run.model.arrays()["embedding.weight"][run.vocabulary.characters.index(character)]
        np.testing.assert_array_equal(row, begin.arrays["embedding.weight"][begin.card.vocabulary.index(character)])
    assert run.card().vocabulary == run.vocabulary.characters
