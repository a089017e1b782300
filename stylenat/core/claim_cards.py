"""Cards of what was said: published numbers, and the claims that are judged."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stylenat.core.cards import Name, NonNegative, Text
from stylenat.core.strict import Strict


class Published(Strict):
    """One published number."""

    id: Name
    method: Text
    model: Name | None = None  # the model card that the number is about
    metric: Text
    value: float
    unit: Text
    hardware: str = ""
    place: Text  # table, figure, file
    grade: Literal["A", "A-fig", "B", "C", "S", "unconfirmed"]
    note: str = ""


class PublishedCard(Strict):
    """Numbers that one source reports; `elsewhere` marks third-party results."""

    name: Name
    title: Text
    reference: Text
    elsewhere: bool = False
    numbers: Annotated[list[Published], Field(min_length=1)]


class Reading(Strict):
    """One way to compute a printed percentage or factor: a formula over published numbers."""

    name: Text
    formula: Text  # arithmetic over the keys of `inputs`
    inputs: dict[str, Text]  # letter -> published id, as card/id
    text: str = ""


class ClaimKind(StrEnum):
    """What a claim asserts about its measured number."""

    VALUE = "value"  # equals `expected` within `tolerance`
    AT_MOST = "at_most"  # does not exceed `expected`
    LESS_THAN = "less_than"  # subject below reference
    RATIO = "ratio"  # subject / reference equals `expected` within `tolerance`
    ORDERING = "ordering"  # subjects stand in the order given
    ARITHMETIC = "arithmetic"  # a printed figure follows from published numbers


class ClaimCard(Strict):
    """One claim of the paper, in its words, and how it is judged; or a check of the harness on itself."""

    name: Name
    title: Text
    quote: Text
    place: Text
    about: Literal["paper", "harness"] = "paper"  # harness: judged on any numbers of one kind, demo ones included
    versions: list[Literal["v1", "v2", "v3", "repository"]] = Field(default_factory=list)  # of the paper
    kind: ClaimKind
    subject: Name | None = None  # model
    reference: list[Name] = Field(default_factory=list)  # models compared with
    protocol: Name | None = None
    expected: float | None = None
    unit: str = ""
    tolerance: Annotated[float, Field(ge=0)] | None = None
    tolerance_reason: Text | None = None
    published: str | None = None  # card/id of the published number behind `expected`
    published_sd: Annotated[float, Field(ge=0)] | None = None  # spread of one published draw
    readings: list[Reading] = Field(default_factory=list)
    printed_decimals: NonNegative | None = None  # arithmetic: decimals of the printed figure
    hardware_bound: bool = False  # an absolute speed: only the paper's hardware could reproduce it
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "ClaimCard":
        if (self.about == "paper") != bool(self.versions):
            raise ValueError("a claim of the paper names its versions, and a check of the harness names none")
        needed = {
            ClaimKind.VALUE: ("subject", "protocol", "expected", "tolerance", "tolerance_reason"),
            ClaimKind.AT_MOST: ("subject", "protocol", "expected"),
            ClaimKind.LESS_THAN: ("subject", "protocol", "reference"),
            ClaimKind.RATIO: ("subject", "protocol", "reference", "expected", "tolerance", "tolerance_reason"),
            ClaimKind.ORDERING: ("subject", "protocol", "reference"),
            ClaimKind.ARITHMETIC: ("expected", "readings", "printed_decimals"),
        }[self.kind]
        missing = [key for key in needed if getattr(self, key) in (None, [])]
        if missing:
            raise ValueError(f"a claim of kind '{self.kind}' needs {', '.join(missing)}")
        return self
