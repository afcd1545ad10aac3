"""The station, with a policy loaded as far as its modes know: POLICY can be chosen, and nothing moves the setpoints."""

import sys

from matstudio.bus import processes
from matstudio.bus.rundir import STATION
from matstudio.station import __main__, core

if __name__ == "__main__":
    made = core.Station.__init__

    def loaded(self, *args, **kwargs):
        made(self, *args, **kwargs)
        self.policy_loaded = True

    core.Station.__init__ = loaded
    sys.exit(processes.main(STATION, __main__.body))
