"""Processes to learn in, one on each core."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

# OpenBLAS, as numpy brings it, and Apple's own.
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def apart() -> ProcessPoolExecutor:
    """Return processes of one thread each.

    How products of matrices are shared out among threads changes their last bits: with one
    thread the same data give the same weights, however many cores there are.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # A copy of this process would have numpy as it was set up here: they start anew.
    return ProcessPoolExecutor(mp_context=get_context("spawn"))
