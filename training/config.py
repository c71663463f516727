"""What a model is and how it is trained: two records that hold and check, and do nothing."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal[
    "lstm", "gru", "rnn", "mlstm", "lnlstm", "clockwork", "peephole", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr"
]
VARIANTS: tuple[Kind, ...] = ("peephole", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr")  # of the LSTM
SPOKEN: tuple[Kind, ...] = ("lstm", "gru", "rnn")  # the others are for the workbench: no voice can speak with them yet

# Rows stacked in a layer's weights, in torch's order: LSTM input, forget, cell, output; GRU reset, update, new.
GATES: dict[Kind, int] = {
    "lstm": 4,
    "gru": 3,
    "rnn": 1,
    "mlstm": 4,
    "lnlstm": 4,
    "clockwork": 1,
    "peephole": 4,
    "nig": 3,
    "nfg": 3,
    "nog": 3,
    "niaf": 4,
    "noaf": 4,
    "cifg": 3,
    "fgr": 4,
}
# Vectors that a layer remembers: an LSTM has its cell besides the hidden one, some have more.
MEMORIES: dict[Kind, int] = {"gru": 1, "rnn": 1, "fgr": 5}


class ModelConfig(BaseModel):
    """The shape of a character model: embedding, a stack of equal recurrent layers, a projection to characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "lstm"
    layers: int = Field(2, ge=1, le=4)
    units: int = Field(256, ge=1, le=4096, description="hidden units of each layer")
    embedding: int = Field(64, ge=1, le=4096, description="numbers that stand for one character")
    dropout: float = Field(0.0, ge=0, lt=1, description="between layers and before the projection")
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="of recurrent weights, anew for each window (Merity et al. 2018, DropConnect)"
    )
    tied: bool = Field(False, description="the projection is the embedding transposed (Press & Wolf 2017)")

    @property
    def memories(self) -> int:
        """Return how many vectors a layer remembers."""
        return MEMORIES.get(self.kind, 2)

    @model_validator(mode="after")
    def _tied_sizes_agree(self) -> Self:
        if self.tied and self.embedding != self.units:
            raise ValueError(f"a tied model needs embedding = units, not {self.embedding} and {self.units}")
        if self.recurrent_dropout and self.kind not in SPOKEN:
            raise ValueError(f"recurrent_dropout is for the kinds {', '.join(SPOKEN)}, not for {self.kind}")
        return self


class TrainConfig(BaseModel):
    """How a model is trained. Lengths are in characters, times in minutes; a step is one update of the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: float = Field(10, gt=0, description="passes over the training text")
    minutes: float | None = Field(None, gt=0, description="fit the schedule into this time instead of `epochs`")
    batch: int = Field(32, ge=1, description="parallel streams of text")
    length: int = Field(128, ge=2, description="characters a gradient flows back through")
    reset: float = Field(0.05, ge=0, le=1, description="part of the windows that begin elsewhere, without memory")
    optimiser: Literal["adamw", "muon"] = Field("adamw", description="muon: for the recurrent layers; see optimiser.py")
    learning_rate: float = Field(3e-3, gt=0)
    warmup: int = Field(200, ge=0, description="steps over which the learning rate rises from zero")
    floor: float = Field(0.02, ge=0, le=1, description="the cosine ends at this part of the learning rate")
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0, description="largest norm of the whole gradient")
    average: float = Field(
        0.0, ge=0, lt=1, description="measure and keep the running mean of the weights, with this part of the old mean"
    )
    evaluations: int = Field(30, ge=1, description="how often a run looks at the validation text and saves its state")
    patience: int = Field(8, ge=1, description="evaluations without a better one after which the run stops")
    seed: int = Field(0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
