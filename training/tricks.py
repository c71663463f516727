"""What is known to help a character LSTM, one thing at a time, at equal passes over a text of equal size.

The network has more than half as many numbers as the text has letters, so that what keeps it from learning the text
by heart shows. One run differs in nothing but its seed: what is less than that is nothing.
"""

from dataclasses import replace

from corpora.corpus import Corpus
from training.config import ModelConfig, TrainConfig
from training.sweep import Trial

CHARACTERS = 400_000  # of the training text
HELD_OUT = 100_000  # of the validation text, by which they are compared
MODEL = ModelConfig(units=128, dropout=0.2)
TRAIN = TrainConfig(epochs=9, reset=0, optimiser="muon", learning_rate=1e-2, warmup=50, evaluations=9, seed=1)
# reset is 0, for else whether streams are read in pieces would hang on how many and how long they are
TRICKS: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "plain": ("LSTM, 2 layers of 128 units, dropout 0.2, Muon, windows of 128, 32 streams", {}, {}),
    "another-seed": ("the same once more with another seed", {}, {"seed": 2}),
    "no-dropout": ("no dropout", {"dropout": 0.0}, {}),
    "multiplicative": (
        "multiplicative LSTM (Krause et al. 2016) of as many parameters",
        {"kind": "mlstm", "units": 114},
        {},
    ),
    "normalised": ("layer normalisation (Ba et al. 2016)", {"kind": "lnlstm"}, {}),
    "dropped-weights": (
        "recurrent weights dropped too, 0.2 (Merity et al. 2018)",
        {"recurrent_dropout": 0.2},
        {},
    ),
    "tied": ("weight tying (Press & Wolf 2017), embedding as wide as a layer", {"tied": True, "embedding": 128}, {}),
    "adamw": ("AdamW for all weights, at the rate that suits it", {}, {"optimiser": "adamw", "learning_rate": 6e-3}),
    "longer": ("back-propagation through 384 characters", {}, {"length": 384}),
    "shorter": ("back-propagation through 64 characters", {}, {"length": 64}),
    "larger-batch": ("64 streams", {}, {"batch": 64}),
    "smaller-batch": ("16 streams", {}, {"batch": 16}),
    "averaged": ("the running mean of the weights, 0.99 of the old", {}, {"average": 0.99}),
}
LATE = "larger-late"
SAID = {name: said for name, (said, _, _) in TRICKS.items()} | {LATE: "64 streams in the last third, from its weights"}


def text(corpus: Corpus) -> Corpus:
    """Return the piece of `corpus` that all are tried on; its test part is left out, so that none is fitted to it."""
    return replace(corpus, train=corpus.train[:CHARACTERS], validation=corpus.validation[:HELD_OUT], test="")


def trials() -> list[Trial]:
    """Return the plain run and those that differ from it in one thing."""
    made = [
        Trial(name, MODEL.model_copy(update=model), TRAIN.model_copy(update=train))
        for name, (_, model, train) in TRICKS.items()
    ]
    two_thirds = TRAIN.model_copy(update={"epochs": 6.0, "floor": 0.4})
    last_third = TRAIN.model_copy(update={"epochs": 3.0, "batch": 64, "learning_rate": 5e-3})
    return [*made, Trial(LATE, MODEL, two_thirds, last_third)]
