"""Steps of gradient descent: AdaGrad for a table of which a batch touches few rows, Adam."""

from typing import Final

import numpy as np

from services.router.features import Floats
from services.router.words import Ints

RATE: Final = 0.1
NET_RATE: Final = 0.003
DECAY: Final = 2e-5


class AdaGrad:
    """Steps of rows, each scaled by what the row has moved so far.

    `touched`: which rows have moved at all.
    """

    def __init__(self, table: Floats, rate: float = RATE) -> None:
        self._table = table
        self._rate = rate
        self._squares = np.full(len(table), 1e-6, np.float32)
        self.touched = np.zeros(len(table), bool)

    def step(self, rows: Ints, gradient: Floats, rate: float) -> None:
        """Move some rows against their gradient at `rate`, 0 to 1, of the full speed."""
        self.touched[rows] = True
        moved = np.einsum("ij,ij->i", gradient, gradient) / gradient.shape[1]
        squares = self._squares[rows] + moved
        self._squares[rows] = squares
        scale = np.float32(self._rate * rate) / np.sqrt(squares)
        self._table[rows] -= scale[:, None] * gradient


class Adam:
    """Kingma & Ba, arXiv 1412.6980, with weight decay."""

    def __init__(self, value: Floats, rate: float = NET_RATE) -> None:
        self._value = value
        self._rate = rate
        self._mean, self._square = np.zeros_like(value), np.zeros_like(value)
        self._steps = 0

    def step(self, gradient: Floats, rate: float) -> None:
        """Move against the gradient at `rate`, 0 to 1, of the full speed."""
        gradient = gradient + np.float32(DECAY) * self._value
        self._steps += 1
        self._mean += np.float32(0.1) * (gradient - self._mean)
        self._square += np.float32(0.001) * (gradient**2 - self._square)
        mean = self._mean / np.float32(1 - 0.9**self._steps)
        square = self._square / np.float32(1 - 0.999**self._steps)
        self._value -= np.float32(self._rate * rate) * mean / (np.sqrt(square) + np.float32(1e-8))
