"""How long a lag each architecture learns to bridge: three tasks that need nothing but memory.

All have the same number of parameters, updates and examples; each learns at the rate that suits it (RATES). An RNN
begins as usual, and once more with orthogonal recurrent weights, which neither shrink nor stretch what is carried on
(Saxe et al. 2014). Gates begin so far open that the units forget after 1 to `lag` characters (Tallec & Ollivier 2018,
"Can recurrent neural networks warp time?", section 3): with what is usual for text (a forget gate at sigmoid(1), by
which 0.73 is left after a character) the lag that an LSTM bridges would be an accident of the seed.

latch   one of two signs, marked; then a lag of the same signs without a mark (after Bengio, Simard & Frasconi 1994,
        with distractors as strong as what is to be kept: a plain RNN latches what stands out from faint noise)
copy    five of eight signs, then a lag, then the same five in order (Hochreiter & Schmidhuber 1997)
add     two of many numbers are marked, one near the beginning: their sum (the same, experiment 4)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

Kind = Literal["rnn", "lstm", "gru", "orthogonal rnn"]
Task = Literal["latch", "copy", "add"]

LAYERS: dict[Kind, tuple[type[nn.RNN | nn.LSTM | nn.GRU], int]] = {  # each with its gates, the new value among them
    "rnn": (nn.RNN, 1),
    "lstm": (nn.LSTM, 4),
    "gru": (nn.GRU, 3),
    "orthogonal rnn": (nn.RNN, 1),
}
PARAMETERS = 16_000
UPDATES = 3000
BATCH = 32
# Of 2e-3, 5e-3 and 1e-2, those that copy best over a lag of 20.
RATES: dict[Kind, float] = {"rnn": 2e-3, "lstm": 1e-2, "gru": 1e-2, "orthogonal rnn": 2e-3}
LOOK = 100  # updates between one look at whether the task is solved and the next
LAGS = (5, 10, 20, 40, 80, 160)
SIGNS, COPIED = 8, 5
SIZES: dict[Task, tuple[int, int]] = {"latch": (2, 2), "copy": (SIGNS + 2, SIGNS), "add": (2, 1)}  # inputs, outputs


@dataclass(frozen=True)
class Outcome:
    """How one network did at one lag."""

    kind: Kind
    task: Task
    lag: int
    seed: int
    solved: bool
    updates: int  # until it was solved, or all
    score: float  # accuracy, or the mean squared error where numbers are added


def climb(kind: Kind, task: Task, seed: int) -> Iterator[Outcome]:
    """Yield how networks do at one lag after the other, up to the first that is not solved."""
    for lag in LAGS:
        outcome = learn(kind, task, lag, seed)
        yield outcome
        if not outcome.solved:
            return


def learn(kind: Kind, task: Task, lag: int, seed: int, updates: int | None = None) -> Outcome:
    """Train a network from scratch, with new examples at each update, until it solves the task or has had them all."""
    torch.manual_seed(seed)
    network = Solver(kind, *SIZES[task], lag)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATES[kind])
    score, updates = float("nan"), updates or UPDATES
    for update in range(1, updates + 1):
        inputs, targets = examples(task, lag, BATCH)
        loss = _loss(task, network(inputs, _answers(task)), targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if update % LOOK == 0 or update == updates:
            score = _score(network, task, lag)
            if _solves(task, score):
                return Outcome(kind, task, lag, seed, True, update, score)
    return Outcome(kind, task, lag, seed, False, updates, score)


class Solver(nn.Module):
    """One recurrent layer and a projection, with about PARAMETERS numbers."""

    def __init__(self, kind: Kind, inputs: int, outputs: int, lag: int) -> None:
        """Draw the weights, for a `lag`."""
        super().__init__()
        units = units_of(kind, inputs, outputs)
        self.layer = LAYERS[kind][0](inputs, units, batch_first=True)
        self.projection = nn.Linear(units, outputs)
        weights = dict(self.layer.named_parameters())
        if kind == "orthogonal rnn":
            nn.init.orthogonal_(weights["weight_hh_l0"])
        elif kind != "rnn":
            self._open_gates(kind, weights, lag)

    @torch.no_grad()
    def _open_gates(self, kind: Kind, weights: dict[str, nn.Parameter], lag: int) -> None:
        """Let the units forget after 1 to `lag` characters."""
        biases = weights["bias_ih_l0"].view(LAYERS[kind][1], -1)  # (G, H)
        keep = (
            torch.empty(biases.shape[1]).uniform_(1, max(lag - 1, 2)).log()
        )  # sigmoid(keep) is 1 - 1 / (1 + the time)
        biases[1] = keep  # an LSTM's forget gate, a GRU's update gate
        if kind == "lstm":
            biases[0] = -keep  # what is kept for long is written seldom
        weights["bias_hh_l0"].zero_()

    def forward(self, inputs: Tensor, answers: int) -> Tensor:
        """Read inputs (B, T, E); return what it says after each of the last `answers` of them, (B, answers, O)."""
        outputs, _ = self.layer(inputs)  # (B, T, H)
        said: Tensor = self.projection(outputs[:, -answers:])
        return said


def units_of(kind: Kind, inputs: int, outputs: int) -> int:
    """Return how many units come nearest to PARAMETERS."""

    def parameters(units: int) -> int:
        return LAYERS[kind][1] * units * (inputs + units + 2) + outputs * (units + 1)

    return min(range(1, 200), key=lambda units: abs(parameters(units) - PARAMETERS))


def examples(task: Task, lag: int, count: int) -> tuple[Tensor, Tensor]:
    """Draw inputs (B, T, E) from torch's generator, and what is to be said: classes (B, answers), or sums (B, 1)."""
    if task == "latch":
        signs = torch.randint(2, (count, lag + 1))
        marks = torch.zeros(count, lag + 1)
        marks[:, 0] = 1
        return torch.stack([2.0 * signs - 1, marks], dim=-1), signs[:, :1]
    if task == "copy":
        signs = torch.randint(SIGNS, (count, COPIED))
        blank, go = SIGNS, SIGNS + 1
        written = torch.full((count, COPIED + lag + COPIED), blank)
        written[:, :COPIED] = signs
        written[:, COPIED + lag - 1] = go  # from here on it has to say them
        return functional.one_hot(written[:, :-1], SIGNS + 2).float(), signs
    values = torch.rand(count, lag + 1)
    marks = torch.zeros(count, lag + 1)
    near, far = (torch.randint(*ends, (count,)) for ends in ((0, max(lag // 10, 1)), (lag // 2, lag)))
    rows = torch.arange(count)
    marks[rows, near] = marks[rows, far] = 1
    return torch.stack([values, marks], dim=-1), (values * marks).sum(dim=1, keepdim=True)


def _answers(task: Task) -> int:
    return COPIED if task == "copy" else 1


def _loss(task: Task, said: Tensor, targets: Tensor) -> Tensor:
    if task == "add":
        return functional.mse_loss(said[:, 0], targets)
    return functional.cross_entropy(said.flatten(0, 1), targets.flatten())


@torch.no_grad()
def _score(network: Solver, task: Task, lag: int) -> float:
    """Return the accuracy, or mean squared error, on examples it never saw."""
    inputs, targets = examples(task, lag, 500)
    said = network(inputs, _answers(task))
    if task == "add":
        return float(functional.mse_loss(said[:, 0], targets))
    return float((said.argmax(dim=-1) == targets).float().mean())


def _solves(task: Task, score: float) -> bool:
    return score < 0.01 if task == "add" else score > 0.99  # guessing: 1/6, 1/2 or 1/8


def all_tasks() -> list[tuple[Kind, Task]]:
    """Return every architecture with every task."""
    return [(kind, task) for kind in get_args(Kind) for task in get_args(Task)]


def longest(outcomes: list[dict[str, Any]]) -> dict[tuple[str, str], list[int]]:
    """Return the longest lag that each architecture solved at each task, seed by seed; 0 where it solved none."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for outcome in outcomes:
        best = found.setdefault((outcome["kind"], outcome["task"]), {})
        reached = outcome["lag"] if outcome["solved"] else 0
        best[outcome["seed"]] = max(best.get(outcome["seed"], 0), reached)
    return {pair: [best[seed] for seed in sorted(best)] for pair, best in found.items()}
