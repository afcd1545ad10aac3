import pytest

from matstudio.bus.rundir import Run
from matstudio.domain.frame import Kind
from matstudio.instruments.base import Stream
from matstudio.modelhost.choices import Choices, Doing, doing, forget
from matstudio.modelhost.host import ModelHost

OFFERED = ("baseline", "unet")


@pytest.fixture
def run(runtime):
    made = Run.create("twin")
    yield made
    made.remove()


def test_a_choice_outlives_the_host_and_one_that_hung_is_left_out_until_it_is_chosen_again(run):
    assert Choices(run).model("image", OFFERED) == "baseline"
    Choices(run).choose("image", "unet")
    assert Choices(run).model("image", OFFERED) == "unet"
    Choices(run).leave_out("image", "unet")
    assert Choices(run).model("image", OFFERED) == "baseline"
    assert Choices(run).model("other image", ("unet",)) == "unet"
    Choices(run).leave_out("image", "baseline")
    assert Choices(run).model("image", OFFERED) == ""
    Choices(run).choose("image", "unet")
    assert Choices(run).model("image", OFFERED) == "unet"
    assert Choices(run).model("image", ("baseline",)) == ""  # one that is no longer offered is not used


@pytest.mark.parametrize("body", ["", "[]", "{", '{"chosen": 3, "left_out": []}', '{"chosen": {}}'])
def test_a_damaged_file_is_no_choice(run, body):
    (run.path / "models.json").write_text(body)
    assert Choices(run).model("image", OFFERED) == "baseline"


def test_what_the_host_does_is_told_to_who_comes_after_it(run):
    assert doing(run) is None
    one = Doing(run)
    assert doing(run) is None
    with one.model("image", "unet"):
        assert doing(run)[:2] == ("image", "unet")
        assert 0 <= doing(run)[2] < 5
    assert doing(run) is None
    one.close()


def test_what_a_killed_host_was_doing_is_taken_back(run):
    one = Doing(run)
    with one.model("image", "unet"):
        forget(run)
        assert doing(run) is None
    one.close()
    again = Doing(run)
    with again.model("image", "unet"):
        assert doing(run) is not None
        later = Doing(run)  # it is another host now
        assert doing(run) is None
    for end in (again, later):
        end.close()


def test_a_host_starts_with_the_stream_whose_models_hung_left_alone(run):
    Choices(run).leave_out("spectrum", "baseline")
    host = ModelHost(run)
    try:
        model = host._first(Stream("spectrum", Kind.SPECTRUM, "", 5.0, "EELS")).model
        assert model.name == "none"
        with pytest.raises(ValueError, match="hung and were left out"):
            model(None)
        assert host._first(Stream("image", Kind.IMAGE, "", 5.0, "HAADF")).model.name == "baseline"
    finally:
        host.close()
