import pytest

from corpora.language import language


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("German", "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann schnell nach Hause. " * 9),
        ("Japanese", "古池や蛙飛びこむ水の音\n" * 9),
        ("Chinese", "床前明月光\n疑是地上霜\n" * 9),
        ("Korean", "나 보기가 역겨워 가실 때에는\n" * 9),
        ("", "0101 1010 " * 99),
    ],
)
def test_the_language_is_guessed(name: str, text: str) -> None:
    assert language(text) == name
