"""What the code voice writes is C, says a parser that knows nothing of our grammar."""

import pytest
import tree_sitter
import tree_sitter_c

from generators import registry
from generators.engine import Engine
from generators.generator import Generator
from generators.inference import Network
from generators.voice import Voice
from training import checkpoint

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    code = registry.find().get("code")
    model = checkpoint.load(code.folder / "model")
    voice = Voice(code, Network(model, tmp_path_factory.mktemp("cache")), model.digest, trained=True)
    with Engine(lambda _: voice) as engine:
        return list(Generator(engine, "code").texts(voice.request(voice.sampling(), seed) for seed in range(60)))


def test_it_parses(functions: list[str]) -> None:
    faulty = [text for text in functions if PARSER.parse(text.encode()).root_node.has_error]
    assert faulty == []
    assert len(set(functions)) == len(functions)


def test_it_is_a_function_indented_by_tabs(functions: list[str]) -> None:
    for text in functions:
        nodes = [node.type for node in PARSER.parse(text.encode()).root_node.children]
        assert nodes[-1] == "function_definition"
        assert set(nodes[:-1]) <= {"comment"}
        body = text[text.index("\n{\n") :]
        assert "\n    " not in body  # but for what lines up under a bracket, it begins with a tab
    assert any("\n\t\t\t" in text for text in functions)
