"""A compressor as a yardstick: PPMd, which mixes contexts of every length up to its order as it goes.

PPMd variant H (D. Shkarin, PPM: one step to practicality, Data Compression Conference 2002), by the library pyppmd.
"""

import math

from pyppmd import Ppmd7Encoder

MEMORY = 512 << 20  # bytes for its contexts; where they do not fit, it forgets them all


def primed_nats(train: str, test: str, order: int = 12, encoding: str = "utf-8") -> float:
    """Return the nats per character of `test` to a compressor of this order that has read `train` just before.

    It is what the test text adds to the size of the compressed training text. Both are compressed in `encoding`.
    """
    first, second = train.encode(encoding), test.encode(encoding)
    added = _size(first + second, order) - _size(first, order)
    return added * 8 * math.log(2) / len(test)


def _size(data: bytes, order: int) -> int:
    encoder = Ppmd7Encoder(order, MEMORY)
    return len(encoder.encode(data)) + len(encoder.flush())
