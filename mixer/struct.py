"""Structs of arrays: a class whose fields are passed to kernels as one argument.

A kernel's way in from Python looks at each argument: 0.3 µs, and five times that after the 20 ms between two ticks,
when neither the code that does so nor what tells of the arrays is in a cache. A struct of twenty arrays is one: a
pointer.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, dataclass_transform

from mixer.kernel import COMPILED, compiled

__all__ = ["struct"]

T = TypeVar("T")


@dataclass_transform(kw_only_default=True)
def struct(cls: type[T]) -> type[T]:
    """
    Make a class of annotated fields one that kernels take as one argument.

    Parameters
    ----------
    cls : type
        Its fields are arrays, records arrays, tuples of arrays and numbers. No record: that would not be kept alive.

    Returns
    -------
    type
        It is made with all fields by name, which takes as long as a tick: once, and not in each. Kernels read
        `each.field`, best into a local name before a loop; from Python the fields cannot be read.
    """
    names = tuple(cls.__annotations__)
    if not COMPILED:
        return dataclass(kw_only=True)(cls)
    return cast("type[T]", _compiled(cls, names))


def _compiled(cls: type, names: tuple[str, ...]) -> type:
    """Give the class whose objects are a pointer, for kernels of this process and for those that are kept."""
    from numba import types
    from numba.experimental import structref

    module = sys.modules[cls.__module__]

    def preprocess_fields(_self: Any, fields: Any) -> Any:
        return tuple((name, types.unliteral(kind)) for name, kind in fields)

    def __new__(_cls: type, **fields: Any) -> Any:
        if fields.keys() != set(names):
            raise TypeError(f"{cls.__name__} has the fields {names}, not {tuple(fields)}")
        return make(*(fields[name] for name in names))

    body = {"__module__": cls.__module__, "__doc__": cls.__doc__, "__slots__": ()}
    # What a way in asks each struct for is where it is kept: the property that numba has for it is a call of Python.
    kept = {"__new__": __new__, "_numba_type_": structref.StructRefProxy._type}
    proxy = type(cls.__name__, (structref.StructRefProxy,), {**body, **kept})
    kind = type(f"{cls.__name__}Struct", (types.StructRef,), {**body, "preprocess_fields": preprocess_fields})
    setattr(module, kind.__name__, kind)  # kept kernels know it by this name
    structref.register(kind)
    structref.define_boxing(kind, proxy)
    structref.define_constructor(proxy, kind, names)
    make = compiled(_maker(proxy), Path(str(module.__file__)))
    return proxy


def _maker(proxy: type) -> Callable[..., Any]:
    """Give the function that makes one, to be compiled."""

    def make(*fields: Any) -> Any:
        return proxy(*fields)

    return make
