"""Who is there: windows and other clients, the launcher, and what processes tell of each other."""

from matstudio.domain.process import Mode


def test_clients_silent(bench):
    """No client for 60 s in MANUAL: HOLD; 10 min: SAFE. PID goes on until then."""
    bench.station.handle_take_over("ana")
    bench.station.handle_output("ana", "heater", 0.3)
    bench.client = None
    bench.run(59)
    assert bench.station.mode is Mode.MANUAL
    bench.run(2)
    assert bench.station.mode is Mode.HOLD
    assert "client" in bench.alarms()
    bench.run(530)
    assert bench.station.mode is Mode.HOLD
    bench.run(10)
    assert bench.station.mode is Mode.SAFE
    bench.client = "ana"
    bench.run(1)
    assert bench.alarms()["client"]["state"] == "RTN_UNACK"
    assert bench.station.mode is Mode.SAFE


def test_clients_silent_in_advise(bench):
    """No client for 10 s: HOLD (in POLICY a window that is silent for 2 s comes before that)."""
    bench.enter(Mode.ADVISE)
    bench.client = None
    bench.run(9.6)
    assert bench.station.mode is Mode.ADVISE
    bench.run(0.8)
    assert bench.station.mode is Mode.HOLD
    assert "client" in bench.alarms()


def test_window_silent_in_policy(bench):
    bench.enter(Mode.POLICY)
    bench.run(5)
    assert bench.station.mode is Mode.POLICY
    bench.client = None
    bench.run(1.8)
    assert bench.station.mode is Mode.POLICY
    bench.run(0.4)
    assert bench.station.mode is Mode.HOLD
    assert "window silent" in bench.alarms()["client"]["text"]


def test_policy_needs_a_window_at_all(bench):
    bench.client = None
    bench.run(3)
    bench.station.handle_hello("script", "cli")
    bench.station._clients._windows.clear()
    bench.station.policy_loaded = True
    bench.station.handle_mode("script", "POLICY")
    bench.run(0.2)
    assert bench.station.mode is Mode.HOLD


def test_what_a_process_tells_is_noted_and_nobody_is_taken_for_a_client(fake):
    fake.client = None
    clients = set(fake.station.status()["clients"])
    fake.station.handle_event("launcher", "recorder ended with -9 and is started again")
    fake.station.handle_event("launcher", "modelhost ended 5 times and is left alone", alarm="modelhost")
    fake.run(1)
    assert [(e["who"], e["text"][:8]) for e in fake.kinds("process")] == [
        ("launcher", "recorder"),
        ("launcher", "modelhos"),
    ]
    assert fake.alarms()["process.modelhost"]["state"] == "RTN_UNACK"  # until a person acknowledges it
    fake.station.handlers()["acknowledge"]("ana", "process.modelhost")
    assert fake.alarms() == {}
    assert set(fake.station.status()["clients"]) == clients


def test_a_lost_launcher_is_an_alarm_while_it_is_away(fake):
    fake.station.launcher_gone = True
    fake.run(1)
    assert fake.alarms()["launcher"]["priority"] == "medium"
    assert fake.station.mode is Mode.OFF
