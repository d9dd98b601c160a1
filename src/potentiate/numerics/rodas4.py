"""Coefficients of Rodas4: a stiffly accurate Rosenbrock method of order 4 with an embedded one of order 3.

In the form that needs no product with the Jacobian: with ``W = I / (gamma h) - J`` the stages are

    W k_i = f(t + alpha_i h, y + sum_j A[i, j] k_j) + sum_j C[i, j] k_j / h + h D[i] df/dt

and the new value is ``y + sum_j A[5, j] k_j + k_5``; the error estimate is the last stage itself, because the argument
of the last stage is the embedded solution (Hairer & Wanner 1996, Solving Ordinary Differential Equations II, section
VI.4; the numbers are those of set 1 of the authors' code, as distributed with ODEInterface.jl, ``src/rodas.f``).
"""

from __future__ import annotations

import numpy as np

GAMMA = 0.25
STAGES = 6

#: Nodes of the stages.
ALPHA = np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0])

#: What multiplies the derivative in time.
D = np.array([0.25, -0.1043, 0.1035, -0.03620000000000023, 0.0, 0.0])

_FIFTH = [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950]


def _lower(rows: list[list[float]]) -> np.ndarray:
    """Return a strictly lower triangular matrix, (6, 6)."""
    full = np.zeros((STAGES, STAGES))
    for i, row in enumerate(rows):
        full[i, : len(row)] = row
    return full


#: Arguments of the stages.
A = _lower(
    [
        [],
        [1.544],
        [0.9466785280815826, 0.2557011698983284],
        [3.314825187068521, 2.896124015972201, 0.9986419139977817],
        _FIFTH,
        [*_FIFTH, 1.0],
    ]
)

#: What earlier stages add to the right-hand side.
C = _lower(
    [
        [],
        [-5.6688],
        [-2.430093356833875, -0.2063599157091915],
        [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
        [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160],
        [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
    ]
)

#: Weights of the new value.
WEIGHTS = np.array([*_FIFTH, 1.0, 1.0])

#: Dense output of order 3: ``y(t + s h) = (1 - s) y0 + s (y1 + (1 - s) (H[0] @ k + s H[1] @ k))``.
H = np.array(
    [
        [10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662, 0.0],
        [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872, 0.0],
    ]
)


def classical() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the method as in the text of Hairer & Wanner (equation 7.4 of chapter IV).

    Returns
    -------
    alpha, gamma : array, shape (6, 6)
        ``k_i = h f(y + sum alpha_ij k_j) + h J sum gamma_ij k_j``, gamma with its diagonal.
    b, embedded : array, shape (6,)
        Weights of the solutions of order 4 and 3.
    """
    inverse = np.eye(STAGES) / GAMMA - C  # of gamma: C = 1 / gamma - Gamma^-1
    gamma = np.linalg.inv(inverse)
    return A @ gamma, gamma, WEIGHTS @ gamma, A[5] @ gamma
