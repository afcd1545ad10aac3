"""The model host with a model for spectra that loops for ever."""

import sys
from dataclasses import replace

from matstudio.bus import processes, rundir
from matstudio.domain.frame import Kind
from matstudio.modalities.base import modalities, modality
from matstudio.modelhost.host import main


class Hangs:
    """Never returns."""

    name, version = "hangs", "1"

    def __call__(self, frame):
        while True:
            pass


if __name__ == "__main__":
    spectrum = modality(Kind.SPECTRUM)
    inverses = {"hangs": "hanging_host:Hangs", **spectrum.inverses}
    modalities()[Kind.SPECTRUM] = replace(spectrum, plugin=None, inverses=inverses)
    sys.exit(processes.main(rundir.MODELHOST, main))
