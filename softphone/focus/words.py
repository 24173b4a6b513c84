"""Words of the rules that the faces of the focus need to command it."""

from mixer.rules.effects import Prompt, Sound
from mixer.rules.roles import Role

__all__ = ["Prompt", "Role", "Sound", "role_named"]


def role_named(word: str) -> Role:
    """Read a role: ``host`` is what the rules call a moderator."""
    return Role.MODERATOR if word == "host" else Role(word)
