"""A look that brings no new reading acquits nobody; a reading in another unit is no temperature."""

from matstudio.control.observer import Furnace
from matstudio.control.sensor import Fault, SensorMonitor
from matstudio.domain.process import Reading

FURNACE = Furnace(650.0, 60.0, 2.0, 1.5, 0.3, 300.0)


def test_a_jump_is_confirmed_though_looks_without_a_new_reading_come_between():
    monitor = SensorMonitor(250.0, 1000.0, FURNACE)
    for i in range(100):
        monitor.look(Reading("temperature", 300.0 + 0.01 * (i % 7), "K", 0.1 * i), 0.1 * i, 0.0)
    seen = []
    for i in range(100, 104):
        jumped = Reading("temperature", 400.0 + 0.01 * i, "K", 0.1 * i)
        seen += [monitor.look(jumped, 0.1 * i + late, 0.0) for late in (0.0, 0.05)]
    assert {found.fault for found in seen} == {Fault.MODEL}
    assert [found.confirmed for found in seen][:3] == [False] * 3
    assert all(found.confirmed for found in seen[4:])


def test_a_reading_in_another_unit_is_a_fault_at_once():
    monitor = SensorMonitor(250.0, 1000.0, FURNACE, unit="K")
    assert monitor.look(Reading("temperature", 300.0, "K", 0.0), 0.0, 0.0).fault is None
    found = monitor.look(Reading("temperature", 300.0, "degC", 0.1), 0.1, 0.0)
    assert (found.fault, found.confirmed) == (Fault.UNIT, True)
    assert found.text == "temperature comes in 'degC' instead of K"
