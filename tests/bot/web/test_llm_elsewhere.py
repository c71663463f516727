"""The API as users of the real `llm` reach it, on whatever machine it is."""

from pathlib import Path

from tests.bot.web.conftest import Server
from tests.conftest import Run

MODELS = """
- model_id: {kind}
  model_name: weather
  api_base: {address}/v1
  completion: {completion}
"""


def test_llm_reaches_the_voices_by_either_kind_of_completion(server: Server, llm_command: Run, tmp_path: Path) -> None:
    folder = tmp_path / "llm"
    folder.mkdir()
    kinds = {"text": "true", "chat": "false"}
    models = [MODELS.format(kind=kind, address=server.url, completion=value) for kind, value in kinds.items()]
    (folder / "extra-openai-models.yaml").write_text("".join(models), encoding="utf-8")
    for kind in kinds:
        options = ("-m", kind, "On day 7 ", "--key", "any", "-o", "seed", "5")
        said = llm_command(*options).stdout
        assert said.rstrip().endswith(", and then a wind.")
        assert llm_command(*options, "--no-stream").stdout == said
