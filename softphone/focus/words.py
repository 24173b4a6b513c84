"""Words of the rules that the faces of the focus need to command it."""

from mixer.rules.effects import Prompt, Sound
from mixer.rules.roles import Role, Selector

__all__ = [
    "Prompt",
    "Sound",
    "role_named",
    "selector_named",
]


def role_named(word: str) -> Role:
    """Read a role: ``host`` is what the rules call a moderator."""
    return Role.MODERATOR if word == "host" else Role(word)


def selector_named(word: str) -> Selector:
    """Read who is meant: ``host`` is what the rules call a moderator."""
    return Selector.MODERATOR if word == "host" else Selector(word)
