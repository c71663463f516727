"""How often gates are saturated: all but shut (under 0.1) or all but open (over 0.9).

After A. Karpathy, J. Johnson & L. Fei-Fei, Visualizing and Understanding Recurrent Networks (2015), section 4.2 and
Figure 3.
"""

import numpy as np

from corpora.errors import UserError
from training.batches import side_by_side
from training.checkpoint import Model
from training.insight.trace import CONTEXT, GATES, Array, steps

Saturation = dict[str, tuple[Array, Array]]  # by gate: parts of the characters, (L, H) each, under SHUT and over OPEN

SHUT, OPEN = 0.1, 0.9
ROWS = 32


def saturation(model: Model, text: str) -> Saturation:
    """Return by gate the part of the characters at which each is left-, and right-saturated: (L, H) each.

    Raise UserError where the network has no gates.
    """
    config = model.card.model
    gates = GATES.get(config.kind, ())
    if not gates:
        raise UserError(f"A network of kind {config.kind} has no gates that could be counted; lstm and gru have.")
    ids = model.vocabulary.encode(text)
    places, own = side_by_side(len(ids), ROWS, CONTEXT)
    counts = {gate: np.zeros((2, config.layers, config.units)) for gate in gates}
    for mine, (layers, _) in zip(own.T, steps(model, ids[places]), strict=True):
        for gate, count in counts.items():
            for layer, values in enumerate(layers):
                count[0, layer] += (values[gate][mine] < SHUT).sum(axis=0)
                count[1, layer] += (values[gate][mine] > OPEN).sum(axis=0)
    shares = {gate: (count / len(ids)).astype(np.float32) for gate, count in counts.items()}
    return {gate: (left, right) for gate, (left, right) in shares.items()}


def summary(found: Saturation) -> str:
    """Return a line for each layer of each gate."""
    lines = []
    for gate, sides in found.items():
        for layer in range(len(sides[0])):
            left, right = (f"{side[layer].mean():.0%}" for side in sides)
            shut, open_ = (f"{(side[layer] > OPEN).mean():.0%}" for side in sides)
            lines.append(
                f"  layer {layer}  {gate:<7} under {SHUT} for {left} of the text, over {OPEN} for {right}; "
                f"nearly always so in {shut} and {open_} of the units"
            )
    return "\n".join(lines)
