from types import ModuleType

import softphone


def test_the_public_names_are_sorted_and_complete() -> None:
    public = [name for name, value in vars(softphone).items() if name[0] != "_" and not isinstance(value, ModuleType)]
    assert softphone.__all__ == sorted(public)
