"""Thermodynamics and kinetics of an L1_2 ordering alloy, Cu3Au, with one order parameter.

Bragg-Williams entropy on two sublattices and an ordering energy that is a quartic in S. Its three coefficients are not
taken from pair energies but fitted to three measured facts of Cu3Au: first-order transition at 663 K, order 0.80 there,
and a disordered phase that stays metastable for 25 K below. The order relaxes down its free energy (model A of
P. C. Hohenberg and B. I. Halperin, Rev. Mod. Phys. 49 (1977) 435, for one lumped variable). Pressure raises the
transition by 21 K/GPa and slows the kinetics by an activation volume of 6.8 cm^3/mol (high-pressure resistance study of
Cu3Au). Activation energy 2.0 eV and 1.5 s at 638 K are nominal, for a vacancy-rich film.

Arguments, all broadcast against each other: order parameter S (1), temperature T (K), pressure P (GPa), composition c
(Au fraction). Entropies are per atom in k_B; dF and ddF are derivatives of F / k_B by S, in K.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

Values: TypeAlias = float | np.ndarray

K_B_EV = 8.617333e-5  # eV/K
STOICHIOMETRIC = 0.25
_TINY = 1e-9


def _fraction(x: Values) -> Values:
    """A site fraction, kept off 0 and 1 so that its logarithm exists."""
    return np.minimum(np.maximum(x, _TINY), 1 - _TINY)


def _mixing(p: Values) -> Values:
    """Entropy of a site that the minority holds with probability p, in k_B."""
    return -(p * np.log(p) + (1 - p) * np.log1p(-p))


def _logit(p: Values) -> Values:
    return np.log(p / (1 - p))


def site_fractions(S: Values, c: Values = STOICHIOMETRIC) -> tuple[Values, Values]:
    """Au fraction of the alpha and of the beta sites, c + 0.75 S and c - 0.25 S, kept within 1e-9 of 0 .. 1."""
    return _fraction(np.add(c, np.multiply(0.75, S))), _fraction(np.subtract(c, np.multiply(0.25, S)))


def greatest_order(c: float) -> float:
    """The order parameter at which one sublattice is pure: more the composition does not allow."""
    return min(1.0, 4 * c, (1 - c) / 0.75)


@dataclass(frozen=True)
class OrderingModel:
    """Free energy F(S, T, P, c) of the alloy and how fast it orders.

    Args:
        transition_K: first-order transition of the stoichiometric alloy at P = 0.
        order_at_transition: S of the ordered phase there.
        metastable_K: how far below the transition the disordered phase becomes unstable.
        activation_eV: of the kinetics.
        relaxation_s: 1 / gamma at `reference_K`.
        reference_K: temperature at which `relaxation_s` holds.
        transition_K_per_GPa: shift of the transition with pressure.
        activation_eV_per_GPa: activation volume.
    """

    transition_K: float = 663.0
    order_at_transition: float = 0.80
    metastable_K: float = 25.0
    activation_eV: float = 2.0
    relaxation_s: float = 1.5
    reference_K: float = 638.0
    transition_K_per_GPa: float = 21.0
    activation_eV_per_GPa: float = 0.0705

    @cached_property
    def coefficients(self) -> tuple[float, float, float]:
        """V, W, U (K) of the ordering energy -(V S^2 + W S^3 + U S^4).

        V makes F'' at S = 0 vanish at the spinodal (there the entropy's curvature is -2 k_B); W and U follow from
        F(S) = F(0) and F'(S) = 0 at the transition.
        """
        s, t = self.order_at_transition, self.transition_K
        v = (t - self.metastable_K) / 2
        gain = t * (self.entropy(s) - self.entropy(0.0)) + v * s**2
        slope = t * self._entropy_slope(s) + 2 * v * s
        w, u = np.linalg.solve(
            np.array([[-(s**3), -(s**4)], [-3 * s**2, -4 * s**3]]), np.array([float(gain), float(slope)])
        )
        return v, float(w), float(u)

    def entropy(self, S: Values, c: Values = STOICHIOMETRIC) -> Values:
        """Configurational entropy, k_B per atom: a quarter of the sites are alpha, three quarters beta."""
        alpha, beta = site_fractions(S, c)
        return 0.25 * _mixing(alpha) + 0.75 * _mixing(beta)

    def free_energy(self, S: Values, T: Values, P: Values = 0.0, c: Values = STOICHIOMETRIC) -> Values:
        """F relative to the disordered alloy at the same T, P and c, meV/atom."""
        v, w, u = self.coefficients
        energy = self._stiffening(P) * (v * np.power(S, 2) + w * np.power(S, 3) + u * np.power(S, 4))
        return -1e3 * K_B_EV * (energy + T * (self.entropy(S, c) - self.entropy(0.0, c)))

    def dF(self, S: Values, T: Values, P: Values = 0.0, c: Values = STOICHIOMETRIC) -> Values:
        """First derivative of F / k_B by S, K."""
        v, w, u = self.coefficients
        slope = S * (2 * v + S * (3 * w + 4 * u * S))
        return -self._stiffening(P) * slope - T * self._entropy_slope(S, c)

    def ddF(self, S: Values, T: Values, P: Values = 0.0, c: Values = STOICHIOMETRIC) -> Values:
        """Second derivative of F / k_B by S, K."""
        v, w, u = self.coefficients
        alpha, beta = site_fractions(S, c)
        mixing = 0.75 / (alpha * (1 - alpha)) + 0.25 / (beta * (1 - beta))
        return -self._stiffening(P) * (2 * v + S * (6 * w + 12 * u * S)) + T * (3 / 16) * mixing

    def gamma(self, T: Values, P: Values = 0.0) -> Values:
        """Kinetic coefficient, 1/s: Arrhenius in T, slowed by pressure through the activation volume."""
        arrhenius = self.activation_eV / K_B_EV * (1 / T - 1 / self.reference_K)
        return np.exp(-arrhenius - self.activation_eV_per_GPa * P / (K_B_EV * T)) / self.relaxation_s

    def rate(self, S: Values, T: Values, P: Values = 0.0, c: Values = STOICHIOMETRIC) -> Values:
        """dS/dt without noise, 1/s."""
        return -self.gamma(T, P) * self.dF(S, T, P, c) / T

    def step(
        self,
        S: Values,
        T: Values,
        dt: Values,
        P: Values = 0.0,
        c: Values = STOICHIOMETRIC,
        kick: Values = 0.0,
    ) -> Values:
        """S after `dt` seconds at constant T, P, c: one linearly implicit (Rosenbrock-Euler) step.

        Explicit Euler is unstable above about 690 K and then orders the alloy faster than its own rate allows.

        Args:
            kick: standard normal deviates divided by the square root of the number of atoms in a domain; the thermal
                noise is sqrt(2 gamma dt) times this, damped as the step is. 0: none.
        """
        g = self.gamma(T, P)
        damping = 1 + dt * g * np.maximum(self.ddF(S, T, P, c), 0.0) / T
        return S + (np.sqrt(2 * g * dt) * kick - dt * g * self.dF(S, T, P, c) / T) / damping

    def _stiffening(self, P: Values) -> Values:
        """Pressure scales the ordering energy, and with it the transition temperature."""
        return 1 + self.transition_K_per_GPa / self.transition_K * P

    def _entropy_slope(self, S: Values, c: Values = STOICHIOMETRIC) -> Values:
        alpha, beta = site_fractions(S, c)
        return -(3 / 16) * (_logit(alpha) - _logit(beta))
