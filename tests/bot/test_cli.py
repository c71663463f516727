import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_same_seed_gives_the_same_bytes(apocrypha: Run, weather: Path) -> None:
    first, again = (apocrypha("sample", "weather", "--seed", "7", "-n", "5") for _ in range(2))
    assert first.stdout == again.stdout
    assert len(first.stdout.splitlines()) == 5
    assert apocrypha("sample", "weather", "--seed", "8", "-n", "5").stdout != first.stdout


def test_no_library_prepares_to_report_what_we_do(apocrypha: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """ONNX Runtime would keep a number for this machine below HOME, and tell Microsoft what it runs."""
    environment["HOME"] = str(tmp_path / "person")
    assert apocrypha("sample", "bible", "--seed", "7").stdout
    assert not (tmp_path / "person").exists()


def test_several_texts_take_successive_seeds(apocrypha: Run, weather: Path) -> None:
    several = apocrypha("sample", "weather", "--seed", "7", "-n", "3").stdout.splitlines()
    assert apocrypha("sample", "weather", "--seed", "9").stdout.splitlines() == several[2:]


def test_an_unset_seed_is_shown_and_makes_the_text_again(apocrypha: Run, weather: Path) -> None:
    drawn = apocrypha("sample", "weather")
    seed = drawn.stderr.split("--seed ")[1].split(")")[0]
    assert apocrypha("sample", "weather", "--seed", seed).stdout == drawn.stdout


def test_sample_as_json_is_one_value(apocrypha: Run, weather: Path) -> None:
    value = json.loads(apocrypha("sample", "weather", "-n", "2", "--seed", "3", "--json").stdout)
    assert value["style"] == "weather"
    assert value["trained"] is False
    assert [row["seed"] for row in value["texts"]] == [3, 4]


def test_prefix_begins_the_text_and_length_bounds_it(apocrypha: Run, weather: Path) -> None:
    text = apocrypha("sample", "weather", "--seed", "1", "--prefix", "On day 17", "--stop", "", "--length", "50").stdout
    assert text.startswith("On day 17")
    assert len(text.rstrip("\n")) <= len("On day 17") + 50


def test_a_text_is_drawn_too(apocrypha: Run, weather: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    done = apocrypha("sample", "weather", "-n", "2", "--seed", "3", "--pictures", str(folder), "--json")
    rows = json.loads(done.stdout)["texts"]
    assert [row["picture"] for row in rows] == [str(folder / f"weather-{seed}.png") for seed in (3, 4)]
    assert all(Path(row["picture"]).read_bytes().startswith(b"\x89PNG") for row in rows)
    assert all(row["alt"] == row["text"] for row in rows)


def test_a_text_that_cannot_be_drawn_is_printed_all_the_same(apocrypha: Run, weather: Path, tmp_path: Path) -> None:
    (weather / "plugin.toml").write_text('picture = "cards"\n', encoding="utf-8")
    done = apocrypha("sample", "weather", "--seed", "3", "--pictures", str(tmp_path))
    assert done.stdout.startswith("On day ")
    assert "no picture: picture: no language is named 'cards'" in done.stderr
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sample", "wether"), ("no style named 'wether'", "Did you mean 'weather'", "bible")),
        (("sample", "weather", "-t", "-1"), ("temperature = -1", "greater than or equal to 0")),
        (("sample", "weather", "-t", "nan"), ("temperature = nan", "finite")),
        (("sample", "weather", "--top-p", "0", "--min-p", "2"), ("top_p = 0", "min_p = 2")),
        (("sample", "weather", "--blend", "bible"), ("--blend takes a style and its part", "'bible'")),
        (("sample", "weather", "--blend", "bibel=0.3"), ("no style named 'bibel'", "Did you mean 'bible'")),
        (("sample", "weather", "--blend", "bible=2"), ("blend.1 = 2", "less than or equal to 1")),
        (("evaluate", "nothing"), ("no style named 'nothing'",)),
        (("train", "weather", "--units", "0", "--batch", "-3"), ("units = 0",)),
        (("train", "weather", "--kind", "mlstm"), ("no voice can speak with it yet", "lstm, gru, rnn")),
    ],
)
def test_a_wrong_word_gets_one_plain_message(
    apocrypha: Run, weather: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = apocrypha(*arguments, ok=False)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("length", ["0", "-5", "1000000000"])
def test_an_absurd_length_is_refused(apocrypha: Run, weather: Path, length: str) -> None:
    assert "--length" in apocrypha("sample", "weather", "--length", length, ok=False).stderr


def test_temperature_zero_is_the_likeliest_text_whatever_the_seed(apocrypha: Run, weather: Path) -> None:
    one, other = (apocrypha("sample", "weather", "-t", "0", "--seed", seed).stdout for seed in ("1", "2"))
    assert one == other


def test_a_blend_of_nothing_is_the_style_and_one_of_all_is_the_other(apocrypha: Run, weather: Path) -> None:
    fields = ("sample", "weather", "--seed", "1", "-n", "3")
    texts = [apocrypha(*fields, "--blend", f"bible={part}").stdout for part in ("0", "0.5", "1")]
    assert texts[0] == apocrypha(*fields).stdout
    assert len(set(texts)) == 3


def test_what_was_said_may_be_taken_up(apocrypha: Run, weather: Path) -> None:
    said = "the teashades were for the rest. "
    fields = ("sample", "weather", "--seed", "1", "-t", "0", "--message", said * 5, "--prefix", said[:12])
    assert said.strip() in apocrypha(*fields, "--adapt", "0.9").stdout
    assert said.strip() not in apocrypha(*fields).stdout


def test_a_style_keeps_to_its_grammar_unless_told(apocrypha: Run) -> None:
    fields = ("sample", "bible", "--seed", "1", "-t", "5", "--length", "40", "-n", "3")
    formed = apocrypha(*fields).stdout.splitlines()
    assert len(formed) == 3
    assert all(text.endswith((".", "?", "!", ":", ";", ",", ")")) for text in formed)
    assert "20 drafts were written" in apocrypha(*fields, "--no-grammar", ok=False).stderr
    assert "have at least" in apocrypha(*fields[:-4], "--length", "5", ok=False).stderr


def test_strange_characters_are_left_out_with_one_notice(apocrypha: Run, weather: Path) -> None:
    strange = apocrypha("sample", "weather", "--seed", "1", "--prefix", "On 爱day 爱é 3")
    assert strange.stderr.count("has never seen '爱é'") == 1
    assert strange.stdout == apocrypha("sample", "weather", "--seed", "1", "--prefix", "On day  3").stdout


def test_a_megabyte_of_message_is_read_from_its_end(apocrypha: Run, weather: Path) -> None:
    long = "On day 1 there was rain. " * 5_000  # what one argument may hold
    whole = apocrypha("sample", "weather", "--seed", "1", "--message", long).stdout
    assert whole == apocrypha("sample", "weather", "--seed", "1", "--message", long[-5_000:]).stdout


def test_list_and_corpora_tell_what_there_is(apocrypha: Run, weather: Path) -> None:
    rows = {row["name"]: row for row in json.loads(apocrypha("list", "--json").stdout)}
    assert rows["weather"]["trained"] is False
    assert rows["bible"]["origin"] == "bundled"
    assert "What the sky does" in apocrypha("list").stdout
    texts = {row["style"]: row for row in json.loads(apocrypha("corpora", "--json").stdout)}
    assert texts["weather"]["here"] is True
    assert texts["bible"]["here"] is False
    assert "Public domain" in texts["bible"]["licence"]


def test_a_broken_plugin_is_one_line_and_the_rest_goes_on(apocrypha: Run, weather: Path) -> None:
    broken = weather.parent / "broken"
    broken.mkdir()
    (broken / "plugin.toml").write_text("sumary = 'x'\n")
    done = apocrypha("list")
    assert "Did you mean 'summary'" in done.stderr
    assert "weather" in done.stdout


def test_fetch_from_a_mirror_then_without_it(apocrypha: Run, environment: dict[str, str], mirror: Path) -> None:
    environment["APOCRYPHA_MIRROR"] = str(mirror)
    first = apocrypha("fetch", "bible").stdout
    assert first.startswith("bible: 4,")
    del environment["APOCRYPHA_MIRROR"]
    assert apocrypha("fetch", "bible").stdout == first


def test_bad_settings_are_named(apocrypha: Run, environment: dict[str, str]) -> None:
    environment["APOCRYPHA_THREADS"] = "none"
    assert "threads = none" in apocrypha("list", ok=False).stderr


def test_version(apocrypha: Run) -> None:
    assert apocrypha("--version").stdout.strip().count(".") == 2


def test_shells_complete_the_names_of_styles(apocrypha: Run, environment: dict[str, str], weather: Path) -> None:
    environment |= {"_APOCRYPHA_COMPLETE": "complete_bash", "COMP_WORDS": "apocrypha sample we", "COMP_CWORD": "2"}
    assert apocrypha().stdout.split() == ["weather"]
