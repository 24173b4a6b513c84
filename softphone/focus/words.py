"""Words of the rules that the faces of the focus need to command it."""

from mixer.conference import Prompt, Role
from mixer.effects import Sound

__all__ = ["Prompt", "Role", "Sound"]
