"""The weights of a network that has read one text, as the first weights of a network that will read another."""

from corpora.errors import UserError
from training.checkpoint import Arrays, Model
from training.config import ModelConfig
from training.vocabulary import Vocabulary

BY_CHARACTER = ("embedding.weight", "projection.weight", "projection.bias")  # one row for each character


def transfer(model: Model, config: ModelConfig, vocabulary: Vocabulary, fresh: Arrays) -> Arrays:
    """Return `model`'s weights for `vocabulary`: a character it never saw has its row from the `fresh` ones.

    The other way round nothing is lost: what only the model knows keeps its row, so that it can still be read.
    Raise UserError where the network to be trained has another shape; dropout is no part of it.
    """
    theirs, ours = (each.model_dump(exclude={"dropout"}) for each in (model.card.model, config))
    if theirs != ours:
        other = ", ".join(f"{name} = {theirs[name]}" for name in ours if theirs[name] != ours[name])
        raise UserError(f"The network to begin from has {other}; the one to be trained must have the same shape.")
    known = [character in model.card.vocabulary for character in vocabulary.characters]
    rows = model.vocabulary.encode("".join(c for c in vocabulary.characters if c in model.card.vocabulary))
    arrays = dict(model.arrays)
    for name in BY_CHARACTER:
        if name in arrays:
            arrays[name] = fresh[name].copy()
            arrays[name][known] = model.arrays[name][rows]
    return arrays
