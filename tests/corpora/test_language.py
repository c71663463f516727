import pytest

from corpora.language import language


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("German", "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann schnell nach Hause. " * 9),
        ("English", "an old silent pond\na frog jumps into the pond\nsplash silence again\n"),
        ("Spanish", "El perro corre por la calle y la gente lo mira desde las ventanas de la casa."),
        ("Italian", "Il cane corre per la strada e la gente lo guarda dalle finestre della casa."),
        ("Swedish", "Hunden springer på gatan och det är inte för barn."),
        ("Danish", "Hunden løber ned ad gaden, og det er ikke for børn."),
        ("Russian", "Я помню чудное мгновенье: передо мной явилась ты, как гений чистой красоты."),
        ("Japanese", "古池や蛙飛びこむ水の音\n" * 9),
        ("Chinese", "床前明月光\n疑是地上霜\n" * 9),
        ("Korean", "나 보기가 역겨워 가실 때에는\n" * 9),
        ("", "fhtagn cthulhu rlyeh wgahnagl"),
        ("", "0101 1010 " * 99),
    ],
)
def test_the_language_is_guessed(name: str, text: str) -> None:
    assert language(text) == name
