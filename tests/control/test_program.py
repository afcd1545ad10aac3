"""Ramp/soak programs: every kind of segment, loops, holdback, and their table of states; recipes and their messages."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matstudio.control import program, recipe
from matstudio.control.observer import Furnace
from matstudio.control.preview import preview
from matstudio.control.program import End, Event, Kind, Program, Segment, State
from matstudio.control.recipe import RecipeError, dump, parse
from matstudio.domain.process import Limits

LIMITS, HEATER = Limits(250.0, 860.0, 5.0), Limits(0.0, 1.0, 0.5)
FURNACE = Furnace(650.0, 60.0, 2.0, 1.5, 0.3, 300.0)
RAMP, SOAK, STEP = Segment(Kind.RAMP, to=400.0, rate=2.0), Segment(Kind.SOAK, time=30.0), Segment(Kind.STEP, to=350.0)
TEXT = recipe.__doc__.split("\n\n", 1)[1]


def go(made, seconds, dt=0.2, measured=None, p=None):
    p = p or program.begin(made, 300.0)
    seen = []
    for _ in range(round(seconds / dt)):
        p = program.advance(made, p, dt, p.setpoint if measured is None else measured(p))
        seen.append(p.setpoint)
    return p, seen


def test_ramp_soak_step():
    made = Program("x", (RAMP, SOAK, STEP, SOAK))
    assert go(made, 25)[0].setpoint == pytest.approx(350.0)
    assert go(made, 60)[0].segment == 1
    p, _ = go(made, 90)
    assert (p.segment, p.setpoint, p.state) == (3, 350.0, State.RUNNING)
    assert program.left(made, p) == pytest.approx(20.0, abs=0.3)
    p, _ = go(made, 111)
    assert (p.state, p.setpoint) == (State.DONE, 350.0)
    assert program.duration(made, 300.0) == pytest.approx(110.0)


def test_loops_within_loops():
    """2 x (ramp, 3 x soak): the inner loop begins anew in each pass of the outer one."""
    made = Program(
        "x", (RAMP, SOAK, Segment(Kind.LOOP, back_to=2, times=3), STEP, Segment(Kind.LOOP, back_to=1, times=2))
    )
    assert program.duration(made, 300.0) == pytest.approx(50 + 90 + 25 + 90)
    p, _ = go(made, 254, dt=1.0)
    assert p.state is State.RUNNING
    assert go(made, 3, dt=1.0, p=p)[0].state is State.DONE


def test_holdback_lets_ramps_and_soaks_wait():
    made = Program("x", (RAMP, SOAK), holdback=10.0)
    p, _ = go(made, 60, measured=lambda p: min(p.setpoint, 320.0))
    assert p.waiting
    assert p.setpoint == pytest.approx(330.0, abs=0.5)
    p, _ = go(made, 1000, measured=lambda p: math.nan)
    assert p.segment == 0
    assert p.setpoint == 300.0
    p, _ = go(made, 70)
    far, _ = go(made, 100, p=p, measured=lambda p: 380.0)
    assert far.segment == 1
    assert far.soaked == p.soaked


def test_pause_resume_skip_stop():
    made = Program("x", (RAMP, SOAK, STEP))
    p, _ = go(made, 10)
    paused = replace(p, state=program.TABLE[Event.PAUSE][p.state])
    later, _ = go(made, 100, p=paused)
    assert (later.setpoint, later.segment) == (p.setpoint, p.segment)
    skipped = program.skip(made, p)
    assert (skipped.segment, skipped.setpoint) == (1, p.setpoint)
    assert all(State.DONE not in row and State.STOPPED not in row for row in program.TABLE.values())


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(Segment, st.just(Kind.RAMP), to=st.floats(250, 860), rate=st.floats(0.01, 5)),
            st.builds(Segment, st.just(Kind.SOAK), time=st.floats(0.1, 1e3)),
            st.builds(Segment, st.just(Kind.STEP), to=st.floats(250, 860)),
        ),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.01, 100),
)
def test_the_setpoint_never_leaves_what_was_asked_for(segments, dt):
    made = Program("x", tuple(segments))
    p = program.begin(made, 300.0)
    wanted = [300.0, *(s.to for s in segments if not math.isnan(s.to))]
    jumps = any(s.kind is Kind.STEP for s in segments)
    for _ in range(200):
        new = program.advance(made, p, dt, p.setpoint)
        assert min(wanted) - 1e-9 <= new.setpoint <= max(wanted) + 1e-9
        assert jumps or abs(new.setpoint - p.setpoint) <= 5 * dt * (1 + 1e-9)
        p = new
    assert program.left(made, p) >= 0


def test_a_recipe_is_read_and_written():
    made = parse(TEXT, limits=LIMITS)
    assert made == Program(
        "Order Cu3Au",
        (
            Segment(Kind.RAMP, to=700.0, rate=2.0),
            Segment(Kind.SOAK, time=60.0),
            Segment(Kind.STEP, to=620.0),
            Segment(Kind.LOOP, back_to=1, times=3),
        ),
        15.0,
        End.HOLD,
    ) or all(math.isnan(x) for x in (made.segments[1].to, made.segments[3].time))
    assert dump(parse(dump(made))) == dump(made)
    odd = replace(made, name='say "a\\b"', end=End.OFF, holdback=math.inf)
    assert parse(dump(odd)).name == odd.name
    assert parse(dump(odd)).end is End.OFF


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate = 2.0", "rate = 9", "line 9: segment.1.rate: 9 K/s is above the limit 5 K/s"),
        ("rate = 2.0", "rate = 0", "line 9: segment.1.rate: 0 must be > 0"),
        ("rate = 2.0", "rat = 2", "line 9: segment.1.rat: unknown key of a ramp; known: to, rate"),
        ("rate = 2.0", "", "line 6: segment.1: rate is missing"),
        ("to = 620.0", "to = 900", "line 17: segment.3.to: 900 K is above the limit 860 K"),
        ("to = 620.0", 'to = "hot"', "line 17: segment.3.to: must be a number, not 'hot'"),
        ("to = 620.0", "to = nan", "line 17: segment.3.to: must be a finite number"),
        ("back_to = 1", "back_to = 4", "line 21: segment.4.back_to: 4 is no segment before this one, 1 to 3"),
        ("back_to = 1", "back_to = 3", "line 21: segment.4.back_to: a loop needs a ramp or a soak"),
        ("times = 3", "times = 1.5", "line 22: segment.4.times: must be a whole number"),
        ("times = 3", "times = 1", "line 22: segment.4.times: 1 must be 2 to 1000"),
        ('kind = "soak"', 'kind = "wait"', "line 12: segment.2.kind: 'wait': ramp, soak, step, loop"),
        ("holdback = 15.0", "holdback = -1", "line 3: holdback: -1 must be > 0 K"),
        ('end = "hold"', 'end = "safe"', "line 4: end: 'safe': hold, off"),
        ("version = 1", "version = 2", "line 1: version: 2, this program reads 1"),
        ("version = 1", "colour = 2", "line 1: colour: unknown key; known: version, name, holdback, end, segment"),
        ("name = ", "name ", "Expected '=' after a key in a key/value pair (at line 2, column 6)"),
    ],
)
def test_messages_name_line_and_key(old, new, message):
    assert old in TEXT
    with pytest.raises(RecipeError) as told:
        parse(TEXT.replace(old, new, 1), "a.toml", LIMITS)
    assert str(told.value) == f"a.toml: {message}"


def test_loops_in_loops_have_an_end():
    """2 x 1000 x 1000 ... passes are refused, and soon; ramps that take no time hold up nothing."""
    deep = "".join(f'[[segment]]\nkind = "loop"\nback_to = 1\ntimes = {n}\n' for n in (1000, 1000, 1000, 1000))
    with pytest.raises(RecipeError, match="more than 2000 segments"):
        parse('[[segment]]\nkind = "soak"\ntime = 1.0\n' + deep)
    idle = Program("x", (Segment(Kind.RAMP, to=300.0, rate=1.0), Segment(Kind.LOOP, back_to=1, times=900)))
    assert program.advance(idle, program.begin(idle, 300.0), 0.2, 300.0).state is State.DONE


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text):
    lines = []
    for whole in (text, TEXT + text, TEXT.replace("700.0", text)):
        try:
            parse(whole, limits=LIMITS)
        except RecipeError as error:
            lines.append(str(error))
    assert not any("\n" in line for line in lines)


def test_preview_shows_what_the_furnace_can_do():
    made = Program("x", (Segment(Kind.RAMP, to=840.0, rate=4.0), SOAK))
    seen = preview(made, 300.0, FURNACE, LIMITS, HEATER)
    assert seen.setpoint.max() == 840.0
    assert seen.heater.max() == 1.0
    assert (seen.setpoint - seen.temperature).max() > 20
    assert "segment 1: the heater is at its limit" in seen.notes[0]
    slow = preview(Program("x", (Segment(Kind.RAMP, to=600.0, rate=1.0), SOAK)), 300.0, FURNACE, LIMITS, HEATER)
    assert slow.notes == ()
    assert abs(slow.setpoint - slow.temperature).max() < 6
    never = Program("x", (Segment(Kind.STEP, to=260.0), SOAK), holdback=5.0)
    assert "never lets go" in preview(never, 300.0, FURNACE, LIMITS, HEATER).notes[-1]
    jump = preview(Program("x", (Segment(Kind.STEP, to=400.0), SOAK)), 300.0, FURNACE, LIMITS, HEATER)
    assert abs(jump.setpoint[1:] - jump.setpoint[:-1]).max() <= 5.0 * (jump.t[1] - jump.t[0]) + 1e-9
