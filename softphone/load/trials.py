"""The trials of a search for the largest number of parties, and their results."""

from msgspec import Struct

__all__ = ["LimitFound", "Trial"]


class Trial(Struct, frozen=True, kw_only=True):
    """What became of so many parties.

    Attributes
    ----------
    broke
        Objectives that did not hold; empty: all did.
    policy_limit
        How many the service lets in on purpose; None: it has refused nobody so.
    void
        Whether the generator was too slow to say.
    shaky
        Whether this is the second trial of the number, and the first has shown something else.
    """

    parties: int
    broke: tuple[str, ...] = ()
    policy_limit: int | None = None
    void: bool = False
    shaky: bool = False

    @property
    def held(self) -> bool:
        """Whether so many are carried."""
        return not self.broke and not self.void and self.policy_limit is None


class LimitFound(Struct, frozen=True, kw_only=True):
    """The end of a search.

    Attributes
    ----------
    parties
        The largest number at which all held; 0: at none.
    broke_at, broke
        The smallest number at which something did not, and what; None: all held up to the largest that was tried.
    why
        "objective", "policy" (the service lets no more in), "generator" (it could not go further), "most" (nothing
        broke).
    """

    parties: int
    broke_at: int | None
    broke: tuple[str, ...]
    why: str
    trials: tuple[Trial, ...]

    def __str__(self) -> str:
        """Say it in a sentence."""
        reasons = {
            "objective": f"at {self.broke_at} {', '.join(self.broke)} did not hold",
            "policy": f"the service lets no more than {self.parties} in, which is its policy and no sign of load",
            "generator": f"at {self.broke_at} the generator was too slow to say more",
            "most": "nothing broke up to there",
        }
        shaky = [str(trial.parties) for trial in self.trials if trial.shaky]
        doubt = f"; with {', '.join(shaky)} the second trial ended otherwise: another search may end elsewhere"
        return f"{self.parties} parties: {reasons[self.why]}{doubt if shaky else ''}"
