import pytest
from pydantic import ValidationError

from corpora.errors import faults, unknown
from corpora.spec import CorpusSpec


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        (
            "bibel",
            ["speeches", "bible"],
            "There is no style named 'bibel'. Did you mean 'bible'? Known: bible, speeches.",
        ),
        ("BIBLE", ["bible"], "There is no style named 'BIBLE'. Did you mean 'bible'? Known: bible."),
        ("xyzzy", ["bible", "code"], "There is no style named 'xyzzy'. Known: bible, code."),
        ("bible", [], "There is no style named 'bible'. None is known."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_ones(
    name: str, known: list[str], message: str
) -> None:
    assert str(unknown("style", name, iter(known))) == message


def test_all_faults_of_a_record_are_told_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        CorpusSpec.model_validate({"split": {"blocks": 0}, "title": 7, "license": "MIT"})
    assert faults(caught.value) == (
        "title = 7: Input should be a valid string; "
        "split.blocks = 0: Input should be greater than or equal to 1; "
        "license = MIT: Extra inputs are not permitted"
    )
    with pytest.raises(ValidationError) as caught:
        CorpusSpec.model_validate({"mirror": "a.txt"})
    assert faults(caught.value) == (
        "the whole: a downloaded or mirrored text needs `sha256`, the digest of the joined text"
    )
