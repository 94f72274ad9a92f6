"""ln, exp and the normal quantile to the last bits, the same bits on every machine and with every numpy.

IEEE 754 fixes what + - * / and the square root give; what a library gives for exp and log is its own affair, and
numpy's differ by processor. So here they are written out in operations that are fixed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoscaler.simulate.traffic.sessions import Floats

_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # the high part has zeros to spare
_LOG2_E = 1.4426950408889634
_ROOT_HALF = 0.7071067811865476
_ODD = tuple(1.0 / (2 * k + 1) for k in range(12))
_INVERSE_FACTORIALS = (
    1.0, 1.0, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800,
    1 / 479001600, 1 / 6227020800,
)  # fmt: skip
_FARTHEST = 700.0
"""exp of it is still a number."""


def ln(x: Floats) -> Floats:
    """Return the natural logarithms of normal numbers above 0, by the series of artanh."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _ROOT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    power = (exponent - low).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return power * _LN2_HIGH + (2.0 * s * _polynomial(_ODD, s * s) + power * _LN2_LOW)


def exp(x: Floats) -> Floats:
    """Return e to the power of each, which is taken as 700 at most and -700 at least."""
    x = np.clip(x, -_FARTHEST, _FARTHEST)
    power = np.rint(x * _LOG2_E)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    found: Floats = np.ldexp(_polynomial(_INVERSE_FACTORIALS, rest), power.astype(np.int32))
    return found


def normal(p: Floats) -> Floats:
    """Return the standard normal quantiles of probabilities above 0 and below 1.

    Wichura (1988), Algorithm AS 241, PPND16: right to 16 digits.
    """
    q = p - 0.5
    r = 0.180625 - q * q
    found = q * _polynomial(_A, r) / _polynomial(_B, r)
    tail = np.flatnonzero(np.abs(q) > _CENTRAL)
    found[tail] = np.copysign(_tail(np.minimum(p[tail], 1.0 - p[tail])), q[tail])
    return found


def _tail(p: Floats) -> Floats:
    r = np.sqrt(-ln(p))
    near, far = r - 1.6, r - 5.0
    return np.where(
        far <= 0.0, _polynomial(_C, near) / _polynomial(_D, near), _polynomial(_E, far) / _polynomial(_F, far)
    )


def _polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    """Evaluate by Horner's rule, the constant's coefficient first."""
    found = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        found *= x
        found += coefficient
    return found


_CENTRAL = 0.425
_A = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_B = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
)  # fmt: skip
_C = (
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_D = (
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
)  # fmt: skip
_E = (
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
_F = (
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
)  # fmt: skip
