import pytest
from pydantic import ValidationError

from corpora.spec import CorpusSpec, Split

DIGEST = "0" * 64


def test_without_a_word_it_is_the_corpus_txt_beside_the_plugin() -> None:
    spec = CorpusSpec()
    assert (spec.file, spec.encoding, spec.remote) == ("corpus.txt", "utf-8", False)
    assert spec.split == Split(validation=0.05, test=0.05, blocks=1, boundary="")


def test_downloads_and_mirrored_texts_are_remote() -> None:
    assert CorpusSpec(base="https://a.example/", files={"a": DIGEST}, sha256=DIGEST).remote
    assert CorpusSpec(base="https://a.example/", list="files.sha256", sha256=DIGEST).remote
    assert CorpusSpec(mirror="a.txt", sha256=DIGEST).remote


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"files": {"a": DIGEST}, "sha256": DIGEST}, "`base` and `files` go together"),
        ({"base": "https://a.example/", "sha256": DIGEST}, "`base` and `files` go together"),
        ({"list": "files.sha256", "sha256": DIGEST}, "`base` and `files` go together, or `base` and `list`"),
        ({"base": "https://a.example/", "files": {"a": DIGEST}, "list": "a", "sha256": DIGEST}, "keep one"),
        ({"base": "https://a.example/", "list": "files.sha256"}, "needs `sha256`, the digest of the joined text"),
        ({"base": "https://a.example/", "files": {"a": DIGEST}}, "needs `sha256`, the digest of the joined text"),
        ({"mirror": "bible.txt"}, "needs `sha256`, the digest of the joined text"),
        ({"mirror": "bible.txt", "sha256": "123abc"}, "String should match pattern"),
        ({"mirror": "bible.txt", "sha256": "A" * 64}, "String should match pattern"),
        ({"unpack": "zip"}, "unpack\n  Input should be '', 'gz' or 'bz2'"),
        ({"license": "MIT"}, "license\n  Extra inputs are not permitted"),
        ({"split": {"train": 0.9}}, "split.train\n  Extra inputs are not permitted"),
        ({"split": {"validation": 0}}, "split.validation\n  Input should be greater than 0"),
        ({"split": {"test": 0.5}}, "split.test\n  Input should be less than 0.5"),
        ({"split": {"blocks": 0}}, "split.blocks\n  Input should be greater than or equal to 1"),
    ],
)
def test_a_spec_that_cannot_be_kept_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CorpusSpec.model_validate(fields)
    assert message in str(caught.value)
