"""What kernels that receive are handed of `Slots`: its arrays as one argument."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer.struct import struct

__all__ = ["Arriving"]


@struct
class Arriving:
    """Attributes of `Slots`."""

    header: Any
    control: NDArray[np.int64]
    words: NDArray[np.uint64]
    stamp: NDArray[np.int64]
    local: NDArray[np.int64]
    key: NDArray[np.uint64]
