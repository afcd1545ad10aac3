"""The twin's specimen: a Cu3Au film of single atoms whose species follow order parameter and composition."""

from __future__ import annotations

import numpy as np

from matstudio.domain.material import PROTOTYPES
from matstudio.domain.structure import AtomicModel

STATIC_RMS_A = 0.03


class Specimen:
    """Atoms on an fcc lattice, beam along z = [001].

    Each site has a rank among the sites of its sublattice, drawn once. The n lowest ranks hold Au, n being what S and c
    ask for. So the Au fractions are c + 0.75 S on alpha and c - 0.25 S on beta within one atom, the composition of the
    film is c within half an atom, near sites are uncorrelated, and while S rises or falls no atom changes twice.

    Size mismatch displaces every atom for good: isotropic, 0.03 Å rms in all (nominal). Thermal vibration is not in the
    positions but in `u_iso`: a frame is exposed for 1e11 periods of it, so it blurs and does not displace.

    With `antiphase` the order of half of the film, a slab between two (1-10) planes, is shifted by a/2[110]. Such a
    plane holds both the shift and the beam: no atom is added at the boundary, and it is seen edge on. The film stays
    periodic.

    Args:
        cells: fcc cells along x, y, z.
        seed: of ranks and displacements.
        antiphase: whether there is an antiphase boundary.
        prototype: name in `PROTOTYPES`.
    """

    def __init__(
        self,
        cells: tuple[int, int, int] = (16, 16, 16),
        seed: int = 0,
        antiphase: bool = False,
        prototype: str = "Cu3Au",
    ) -> None:
        self.material = PROTOTYPES[prototype]
        self.cells = np.array(cells)
        corners = np.stack(np.meshgrid(*(np.arange(n) for n in cells), indexing="ij"), axis=-1).reshape(-1, 3)
        self._cell_units = (corners[:, None, :] + self.material.sites[None, :, :]).reshape(-1, 3)
        self._shifted = np.mod(corners[:, 0] / cells[0] - corners[:, 1] / cells[1], 1.0) >= 0.5
        rng = np.random.default_rng([seed, 1])
        n = len(corners)
        ranks = np.empty((n, 4), np.int64)
        ranks[:, 0] = rng.permutation(n)
        ranks[:, 1:] = rng.permutation(3 * n).reshape(n, 3)
        self._ranks = ranks
        self._static = rng.normal(0.0, STATIC_RMS_A / np.sqrt(3), self._cell_units.shape)
        self._order, self._composition = 0.0, 0.25
        self.antiphase = antiphase

    @property
    def antiphase(self) -> bool:
        """Whether there is an antiphase boundary; may be switched."""
        return self._antiphase

    @antiphase.setter
    def antiphase(self, on: bool) -> None:
        self._antiphase = on
        # a/2[110] carries site 0 to site 3: in the shifted domain they change roles, and the ranks go with the roles
        roles = np.tile(np.arange(4), (len(self._ranks), 1))
        if on:
            roles[self._shifted] = [3, 1, 2, 0]
        self._site_ranks = np.take_along_axis(self._ranks, roles, axis=1).reshape(-1)
        self._alpha = (roles == 0).reshape(-1)
        self._occupy()

    def set_state(self, order: float, composition: float = 0.25) -> None:
        """Let the species follow.

        Args:
            order: Bragg-Williams S, 0..1.
            composition: Au fraction.
        """
        if (order, composition) != (self._order, self._composition):
            self._order, self._composition = order, composition
            self._occupy()

    def order_parameter(self) -> float:
        """S counted from the atoms: Au fraction of the alpha sites minus that of the beta sites, each domain on its
        own sublattices."""
        return float(self._gold[self._alpha].mean() - self._gold[~self._alpha].mean())

    def composition(self) -> float:
        """Au fraction counted from the atoms."""
        return float(self._gold.mean())

    def atoms(self, temperature_K: float, drift_A: tuple[float, float] = (0.0, 0.0)) -> AtomicModel:
        """The atoms at a temperature: expanded lattice, displaced by size mismatch and by the stage's drift.

        Args:
            temperature_K: of the lattice and of the vibration.
            drift_A: y, x of the stage, Å.
        """
        a = self.material.a(temperature_K)
        positions = a * self._cell_units + self._static
        positions[:, 0] += drift_A[1]
        positions[:, 1] += drift_A[0]
        low, high = self.material.majority, self.material.minority
        return AtomicModel(
            positions,
            np.where(self._gold, high.number, low.number),
            np.diag(a * self.cells),
            np.where(self._gold, high.u_iso(temperature_K), low.u_iso(temperature_K)),
        )

    def _occupy(self) -> None:
        sites = len(self._alpha)
        minority = round(self._composition * sites)
        on_alpha = round((self._composition + 0.75 * self._order) * (sites // 4))
        on_alpha = min(max(on_alpha, minority - 3 * sites // 4, 0), minority, sites // 4)
        self._gold = np.where(self._alpha, self._site_ranks < on_alpha, self._site_ranks < minority - on_alpha)
