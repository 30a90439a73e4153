"""What one row of the table says."""

from __future__ import annotations

from dataclasses import dataclass, field

# What an identity is called if there is none.
NOBODY = "nobody"
# What a program does that ends without an answer.
CRASHES = "crashes"


@dataclass(frozen=True)
class Refused:
    """ecs-keeper has no key, and says why."""

    says: str
    """A part of its sentence."""

    def __str__(self) -> str:
        return NOBODY


@dataclass(frozen=True)
class Differs:
    """A library chooses something else."""

    chooses: str
    because: str
    """Why ecs-keeper does not do the same."""


@dataclass(frozen=True)
class Row:
    """An environment, and whose key is chosen in it.

    In variables and files, `$HOME` and the names of `cloud.Cloud.words` stand for their values. A file that is no text is written as JSON.
    """

    name: str
    ours: str | Refused
    """As `cloud.Cloud.who` calls it, and if STS was asked for a session at another place than sts.aliyuncs.com, ` at ` that host."""
    libraries: Differs | None = None
    """What both libraries do; or each for itself, as the next two say. What is left out is the same as ours."""
    python: Differs | None = None
    go: Differs | None = None
    variables: dict[str, str] = field(default_factory=dict)
    files: dict[str, object] = field(default_factory=dict)
    """By their path in the home folder."""
    metadata: dict[str, object] | None = None
    """Settings of the simulator's metadata service; without any, nothing answers there."""
    refusals: dict[str, str] = field(default_factory=dict)
    """The codes with which STS refuses operations."""

    def __post_init__(self) -> None:
        for library, differs in self.differences.items():
            if not differs.because.strip():
                raise ValueError(f"{self.name}: say why ecs-keeper does not do what {library} does.")
            if differs.chooses == str(self.ours):
                raise ValueError(f"{self.name}: {library} is said to differ and does not.")

    @property
    def differences(self) -> dict[str, Differs]:
        """By the name of the library."""
        named = {"python": self.python or self.libraries, "go": self.go or self.libraries}
        return {library: differs for library, differs in named.items() if differs}

    def wanted(self, program: str) -> str:
        """What this program has to choose."""
        differs = self.differences.get(program)
        return differs.chooses if differs else str(self.ours)
