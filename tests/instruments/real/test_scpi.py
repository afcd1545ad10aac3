"""A simulated VISA instrument: numbers, units, refusals."""

import pytest

from matstudio.domain.process import Quality

from .helpers import Bench

SIM = """
spec: "1.1"
devices:
  supply:
    eom:
      TCPIP SOCKET:
        q: "\\n"
        r: "\\n"
    error:
      status_register:
        - q: "*ESR?"
          command_error: 32
    dialogues:
      - {q: "*IDN?", r: "ACME,PS1,7,1.0"}
      - {q: "SYST:ERR?", r: '0,"No error"'}
      - {q: "MEAS:TEMP?", r: "+3.0150E+02 K"}
      - {q: "MEAS:PRES?", r: "+1.0 bar"}
    properties:
      power:
        default: 0.25
        getter: {q: "POW?", r: "{:.4f}"}
        setter: {q: "POW {:.4f}"}
        specs: {min: 0, max: 1, type: float}
resources:
  TCPIP0::127.0.0.1::5025::SOCKET: {device: supply}
"""
TEXT = """
kind = "scpi"
name = "Supply"
[connection]
resource = "TCPIP0::127.0.0.1::5025::SOCKET"
backend = "FILE@sim"
identity = "ACME,PS1"
errors = "SYST:ERR?"
[holder]
name = "furnace"
serial = "1"
max_temperature = 900
max_rate = 5
[readings]
temperature = { address = "MEAS:TEMP?", unit = "K", low = 200, high = 1000 }
pressure = { address = "MEAS:PRES?", unit = "GPa", low = 0, high = 2 }
heater = { address = "POW?", unit = "1", low = 0, high = 1 }
[actuators]
heater = { address = "POW {value:.4f}", unit = "1", low = 0, high = 1, safe = 0 }
"""


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "sim.yaml"
    path.write_text(SIM)
    return TEXT.replace("FILE", str(path))


def test_numbers_units_and_writes(text, benches):
    bench = benches(Bench(text))
    bench.until(lambda: bench.has("temperature", "heater"))
    assert (bench.value("temperature"), bench.value("heater")) == (301.5, 0.25)
    assert bench.reading("temperature").quality is Quality.GOOD
    assert bench.reading("pressure").quality is Quality.BAD  # in bar, not in GPa
    assert bench.source.state()["severities"]["pressure"] == "INVALID: the source states bar, the configuration GPa"
    bench.set("heater", 0.5)
    bench.until(lambda: bench.value("heater") == 0.5)
    bench.safe()
    bench.until(lambda: bench.value("heater") == 0.0)


def test_another_instrument_is_refused(text, benches):
    bench = benches(Bench(text.replace("ACME,PS1", "OTHER")))
    bench.until(lambda: "not 'OTHER'" in bench.source.state()["link"])
    assert bench.source.readings() == ()


def test_a_refusal_is_told(text, benches):
    bench = benches(Bench(text.replace('errors = "SYST:ERR?"', 'errors = "*IDN?"')))
    bench.until(lambda: bench.has("heater"))
    bench.set("heater", 0.5)
    bench.until(lambda: bench.value("heater") == 0.5)
    with pytest.raises(ValueError, match=r"heater 0\.5: POW 0\.5000: ACME,PS1"):
        bench.set("heater", 0.6)
