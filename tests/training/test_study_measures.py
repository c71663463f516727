"""What the study measures on texts, against texts so small that the answer can be counted."""

import copy
import math

import numpy as np
import pytest
import torch

from training.batches import held_out
from training.config import ModelConfig
from training.evaluation import closing, comparison, oracles
from training.evaluation.dynamic import cache_nats, dynamic_nats, gradient_sizes
from training.evaluation.held_out import character_nats
from training.evaluation.kneser_ney import KneserNey, table_bytes
from training.evaluation.window_network import WindowNetwork, WindowTraining, trained, window_nats, windows
from training.model import CharacterModel
from training.study.remedies import gained

CERTAIN, LOST = 0.0, 5.0  # nats


def test_each_character_is_compared_by_its_probability() -> None:
    text = "x" + "ab" * 30
    ours = np.array([math.log(2), math.log(4)] * 30)
    theirs = np.array([math.log(4), math.log(4)] * 30)
    assert comparison.by_character(text, ours, theirs) == [
        {"character": "a", "count": 30, "gain": pytest.approx(0.25)},
        {"character": "b", "count": 30, "gain": pytest.approx(0.0)},
    ]
    assert comparison.by_character("xabc", np.zeros(3), np.zeros(3)) == []  # too rare to speak of


def test_errors_overlap_in_four_parts() -> None:
    ours = np.array([LOST, LOST, CERTAIN, CERTAIN, math.log(2)])
    theirs = np.array([LOST, CERTAIN, LOST, CERTAIN, CERTAIN])
    found = comparison.overlap(ours, theirs)
    assert found == {"both": 0.2, "ours_only": 0.2, "theirs_only": 0.2, "neither": 0.4}  # one half is no error


def test_braces_pair_with_the_nearest_open_one() -> None:
    assert sorted(closing.nested("{", "}")("} a { b { c } d } { e")) == [(4, 16), (8, 12)]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('He said: "Well, no," and "yes."', [(9, 19), (25, 30)]),
        ('"Open to the end.\n\n"Another," he said.', [(19, 28)]),
        ('"Open to the end.\r\n\r\n"Another"', [(21, 29)]),
        ('no opening"', []),
        ('--"Dashed"', [(2, 9)]),
    ],
)
def test_quotations_pair_within_a_paragraph(text: str, pairs: list[tuple[int, int]]) -> None:
    assert list(closing.quotations(text)) == pairs


def test_strings_of_c_end_on_their_line() -> None:
    assert list(closing.strings('f("a\\"b", "c");\nint x; "\n')) == [(2, 7), (10, 12)]


def test_pieces_do_not_share_what_is_open() -> None:
    places, distances = closing.measured("{abc}{ab}}", 2, closing.nested("{", "}"))
    assert (places.tolist(), distances.tolist()) == ([4, 8], [4, 3])
    assert [len(part) for part in closing.measured("none", 2, closing.nested("{", "}"))] == [0, 0]


def test_bins_give_the_mean_and_a_band_around_it() -> None:
    distances = np.array([3, 20, 21, 30, 5000])
    (first, second) = closing.binned(distances, np.array([0.2, 0.6, 0.5, 0.5, 1.0]))
    assert first == {"over": 0, "to": 20, "count": 2, "mean": pytest.approx(0.4), "band": pytest.approx(1.96 * 0.2)}
    assert (second["over"], second["count"], second["band"]) == (20, 2, 0.0)


def test_oracles_peel_one_after_another() -> None:
    train = "the cat sat. " * 3 + "a dog sat. " * 9
    test = "a zebra or zebra cat\nX!"
    nats = np.full(len(test) - 1, LOST)
    nats[0] = CERTAIN  # the space after "a"
    first_order = np.full(len(test) - 1, LOST)
    first_order[1] = CERTAIN  # the z of the first zebra
    found = oracles.peeled(nats, {1: first_order}, train, test)
    assert (found["characters"], found["errors"]) == (22, 21)
    shares = {(row["oracle"], row["limit"]): round(row["share"] * 21) for row in found["oracles"]}
    assert shares["n-gram", 1] == 1
    assert shares["memory", 100] == 4  # "ebra" the second time; its z is the first of its word
    assert shares["memory", 500] == 0  # all that it could mend is mended
    assert shares["rare", 0] == 4 + 2 + 1 + 1  # the first "ebra", "or", the second z, X
    assert shares["rare", 3] == 3  # "cat"
    assert shares["next word", "newline"] == 0  # X is taken already
    assert shares["punctuation", ""] == 1
    assert round(found["rest"] * 21) == 4  # the spaces and the newline: nobody knows them
    assert sum(row["share"] for row in found["oracles"]) + found["rest"] == pytest.approx(1)


def network(kind: str = "gru") -> CharacterModel:
    torch.manual_seed(2)
    model = CharacterModel(ModelConfig.model_validate({"kind": kind, "layers": 1, "units": 6, "embedding": 4}), 5)
    return model.eval()


def drawn(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(5, size=size).astype(np.uint16)


def adapted_by_hand(
    model: CharacterModel, ids: np.ndarray, rate: float, decay: float, sizes: list[torch.Tensor], segment: int
) -> list[float]:
    """Dynamic evaluation once more: each segment read anew from the state before it, a weight at a time."""
    began = copy.deepcopy(model)
    mean = float(torch.cat([size.flatten() for size in sizes]).mean())
    state, losses = model.start(1), []
    for at in range(0, len(ids) - 1, segment):
        right = torch.from_numpy(ids[at : at + segment + 1].astype(np.int64))
        model.zero_grad()
        hidden, after = model.read(right[None, :-1], state)
        found = -torch.log_softmax(model.projection(hidden[0]), -1)[range(len(right) - 1), right[1:]]
        found.mean().backward()
        losses += found.tolist()
        state = tuple(part.detach() for part in after)
        for weight, old, size in zip(model.parameters(), began.parameters(), sizes, strict=True):
            assert weight.grad is not None
            back = torch.minimum(decay * size / mean, torch.ones_like(size)) * (old - weight).detach()
            weight.data = weight.data - rate * weight.grad / (size + mean) + back
    return losses


def test_dynamic_evaluation_is_what_its_formula_says() -> None:
    ids = drawn(50)
    sizes = [torch.rand_like(weight) for weight in network().parameters()]
    expected = adapted_by_hand(network(), ids, 0.3, 0.8, sizes, segment=7)
    assert dynamic_nats(network(), ids, 0.3, 0.8, sizes, segment=7) == pytest.approx(expected, abs=1e-5)


def test_the_size_of_gradients_is_their_root_mean_square() -> None:
    ids = drawn(21)
    model, state, squares = network(), network().start(1), []
    for at in (0, 10):
        logits, after = model(torch.from_numpy(ids[at : at + 10].astype(np.int64))[None], state)
        right = torch.from_numpy(ids[at + 1 : at + 11].astype(np.int64))
        model.zero_grad()
        torch.nn.functional.cross_entropy(logits[0], right).backward()
        squares.append([weight.grad**2 for weight in model.parameters() if weight.grad is not None])
        state = tuple(part.detach() for part in after)
    for size, first, second in zip(gradient_sizes(network(), ids, segment=10), *squares, strict=True):
        assert torch.allclose(size**2, (first + second) / 2, atol=1e-7)


def test_a_step_of_no_size_changes_nothing_and_a_real_one_learns() -> None:
    ids = np.tile(np.array([0, 1, 1, 2, 3, 4, 0, 2], dtype=np.uint16), 100)
    sizes = gradient_sizes(network(), ids[:200])
    still = dynamic_nats(network(), ids, 0.0, 0.0, sizes, segment=7)
    assert still == pytest.approx(character_nats(network(), held_out(ids, rows=1)), abs=1e-5)
    moving = dynamic_nats(network(), ids, 0.02, 0.0, sizes, segment=7)
    assert moving[:7] == pytest.approx(still[:7], abs=1e-5)  # predicted before it is learned from
    assert moving[-100:].mean() < still.mean() - 0.3
    held = dynamic_nats(network(), ids, 0.02, 0.3, sizes, segment=7)
    assert moving.mean() < held.mean() < still.mean()


def cached_one_by_one(model: CharacterModel, ids: np.ndarray, flatness: float, part: float, size: int) -> list[float]:
    """The cache once more, a character at a time."""
    hidden, _ = model.read(torch.from_numpy(ids[:-1].astype(np.int64))[None], model.start(1))
    states = hidden[0].detach().double().numpy()
    own = torch.softmax(model.projection(hidden[0]), -1).detach().double().numpy()
    losses = []
    for place, right in enumerate(ids[1:]):
        past = range(max(place - size, 0), place)
        weights = np.array([math.exp(flatness * states[place] @ states[other]) for other in past])
        told = sum(weight for weight, other in zip(weights, past, strict=True) if ids[other + 1] == right)
        losses.append(-math.log((1 - part) * own[place, right] + part * (told / weights.sum() if len(past) else 0)))
    return losses


@pytest.mark.parametrize("segment", [4, 100])
def test_a_cache_is_what_its_formula_says(segment: int) -> None:
    ids = drawn(40)
    expected = cached_one_by_one(network("lstm"), ids, 2.0, 0.3, size=9)
    found = cache_nats(network("lstm"), ids, flatness=2.0, part=0.3, size=9, segment=segment)
    assert found == pytest.approx(expected, abs=1e-5)


def test_windows_are_all_runs_and_what_follows() -> None:
    read, following = windows(np.array([3, 1, 4, 1, 2], dtype=np.uint16), 3)
    assert read.tolist() == [[3, 1, 4], [1, 4, 1]]
    assert following.tolist() == [1, 2]


def test_a_window_network_sees_its_window_and_learns_what_depends_on_it() -> None:
    torch.manual_seed(0)
    made = WindowNetwork(5, 3, 7)
    one_hot = torch.nn.functional.one_hot(torch.tensor([2, 0, 4]), 5).flatten().float()
    by_hand = made.projection(torch.tanh(one_hot @ made.first.weight + made.bias))
    assert torch.allclose(made(torch.tensor([[2, 0, 4]]))[0], by_hand, atol=1e-6)
    ids = drawn(6000)
    for place in range(2, len(ids)):  # every third character is the sum of the two before it
        if place % 3 == 2:
            ids[place] = (ids[place - 1] + ids[place - 2]) % 5
    how = WindowTraining(units=64, epochs=30, batch=200, learning_rate=0.02, table_rate=0.02)
    two = window_nats(trained(ids[:5000], 5, 2, how), ids[5000:])
    assert len(two) == 998
    assert two.mean() < math.log(5) - 0.15
    torch.manual_seed(9)
    again = window_nats(trained(ids[:5000], 5, 2, how), ids[5000:])
    assert np.array_equal(two, again)


def test_tables_and_projection_learn_at_rates_of_their_own() -> None:
    def moved(how: WindowTraining) -> tuple[bool, bool]:
        torch.manual_seed(how.seed)
        before, after = WindowNetwork(5, 2, how.units), trained(drawn(900), 5, 2, how)
        pairs = [(before.first.weight, after.first.weight), (before.projection.weight, after.projection.weight)]
        tables, projection = (not torch.equal(old, new) for old, new in pairs)
        return tables, projection

    assert moved(WindowTraining(units=8, epochs=1, batch=20, table_rate=0)) == (False, True)
    assert moved(WindowTraining(units=8, epochs=1, batch=20, learning_rate=0)) == (True, False)


def test_a_remedy_is_set_against_the_same_network_without_it() -> None:
    losses = {"as it is": 1.0, "cache": 0.9, "lstm": 1.4, "pre-training": 1.2, "clockwork": 2.0}
    found = gained([{"options": {"name": name}, "nats": nats} for name, nats in losses.items()])
    assert found == pytest.approx({"cache": 0.1, "pre-training": 0.2})  # the clockwork's network is not there yet


def test_tables_weigh_what_their_arrays_do() -> None:
    ids = drawn(900, seed=3)
    levels = KneserNey(ids, 5, 4)._levels
    assert table_bytes(ids, 5, 4) == sum(2 * level.keys.nbytes + 8 * level.contexts for level in levels)
