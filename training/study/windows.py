"""The n-NN: what a network makes of a window of n characters, beside what counting makes of it."""

from training.evaluation.window_network import trained, window_nats
from training.study.laboratory import Laboratory
from training.sweep import Record
from training.vocabulary import Vocabulary


def measure(room: Laboratory, data: str, window: int) -> Record:
    """Return the losses of one window network on the validation and the test text of the paper's layout."""
    text, how = room.text(data), room.scale.windows
    options = {"name": f"{data}-{window}", "data": data, "window": window, **vars(how)}

    def losses() -> dict[str, float]:
        vocabulary = Vocabulary(text.alphabet)
        network = trained(vocabulary.encode(text.train), len(vocabulary), window, how)
        held_out = {"validation": text.validation, "nats": text.test}
        own = {name: float(window_nats(network, vocabulary.encode(part)).mean()) for name, part in held_out.items()}
        return own | {"parameters": sum(parameter.numel() for parameter in network.parameters())}

    return room.measured("windows", options, text, losses)
