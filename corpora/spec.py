"""What a plugin says of its text."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Split(BaseModel):
    """How a text is cut into training, validation and test parts.

    The text is cut into `blocks` equal blocks, and each block into three contiguous pieces: training first,
    validation and test at its end. One block is the plain cut of the literature; a text that changes as it goes
    (sixty-six books) wants more, so that what is held out stands for all of it. A cut moves on to just behind the
    next `boundary`, so that no verse or line is torn in two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(0.05, gt=0, lt=0.5)
    test: float = Field(0.05, gt=0, lt=0.5)
    blocks: int = Field(1, ge=1)
    boundary: str = ""


class CorpusSpec(BaseModel):
    """Where a text comes from, how it is read and how it is cut.

    Either `file` names a text beside the plugin, or `base` and `files` (name -> sha256) say what to download, or `base`
    and `list`, where the files are many. Then `sha256` is the digest of the joined text, by which a copy in a mirror
    folder is known to be the same.

    A downloaded file is unpacked, decoded, headed by its name where `named`, and cleaned by `each`; then the files are
    joined with `between` between them and verified; `clean` comes after that, wherever the text is from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    licence: str = "unknown"
    file: str = "corpus.txt"
    base: str = Field("", description="the address that the names of the files are appended to")
    files: dict[str, str] = Field(default_factory=dict, description="name -> sha256, in the order they are joined")
    list: str = Field("", description="a file beside plugin.toml that says the same in the lines of sha256sum")
    unpack: Literal["", "gz", "bz2"] = Field("", description="how every downloaded file is compressed")
    encoding: str = "utf-8"
    encodings: dict[str, str] = Field(default_factory=dict, description="name -> encoding, of the files in another one")
    named: bool = Field(False, description="put a file's name as a first line before its text, for `each` to read")
    each: tuple[str, ...] = Field((), description="cleaners that every downloaded file passes before they are joined")
    between: str = Field("", description="what is put between the files when they are joined")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="of the joined text, as UTF-8")
    mirror: str = Field("", description="where a mirror folder keeps the joined text; may end in .gz")
    clean: tuple[str, ...] = Field((), description="cleaners that the joined text passes")
    split: Split = Split()

    @model_validator(mode="after")
    def _downloads_are_verifiable(self) -> "CorpusSpec":
        if self.files and self.list:
            raise ValueError("`files` and `list` say the same: keep one")
        if bool(self.files or self.list) != bool(self.base):
            raise ValueError("`base` and `files` go together, or `base` and `list`: an address, and the files below it")
        if self.remote and not self.sha256:
            raise ValueError("a downloaded or mirrored text needs `sha256`, the digest of the joined text")
        return self

    @property
    def remote(self) -> bool:
        """True where the text is not a file beside the plugin."""
        return bool(self.files or self.list or self.mirror)
