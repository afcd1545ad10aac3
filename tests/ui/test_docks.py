"""The docks of the streams and their counts."""

from __future__ import annotations

from test_window import live

from matstudio.domain.frame import Kind
from matstudio.ui.main_window import MainWindow


def test_the_counts_of_the_streams_add_up_and_are_told_on_demand(window: MainWindow, qtbot):
    live(window, qtbot)
    window.set_paused(True)
    qtbot.wait(400)
    window.set_paused(False)
    qtbot.waitUntil(lambda: window._stats["image"].skipped > 1 and "image" in window.session.live.models, timeout=4000)
    qtbot.waitUntil(lambda: any(r[0] == "image" and r[5] != "–" for r in window._counts.rows()), timeout=4000)
    assert [r[0] for r in window._counts.rows()] == ["image", "diffraction", "spectrum"]
    told = window.status()["streams"]
    assert set(told) == {"image", "diffraction", "spectrum"}
    assert all(c["received"] == c["shown"] + c["skipped"] for c in told.values())
    window.docks["Streams"].raise_()
    qtbot.waitUntil(window._counts.isVisible, timeout=2000)


def test_closed_docks_stay_closed_while_the_device_is_the_same(window: MainWindow, qtbot):
    live(window, qtbot)
    window.docks["Trends"].close()
    window.session._describe(window.session.live.description)
    assert window.docks["Trends"].isHidden()


def test_two_streams_of_a_kind_get_two_docks(window: MainWindow, qtbot):
    live(window, qtbot)
    from dataclasses import replace

    description = window.session.live.description
    image = description.streams[0]
    second = replace(image, name="image2", title="BF")
    window.session.live.take("description", replace(description, streams=(*description.streams, second)))
    window._described()
    assert window._streams.dock("image2") is not window._streams.dock("image")
    assert window._streams.dock("image2").title.name.text() == "BF"
    assert window._streams.view("image2").kind is Kind.IMAGE
    window._streams.dock("image2").close()
    assert window.actions_.trigger("view.dock.stream.image2")
    assert not window._streams.dock("image2").isHidden()
    window.arrange()
    assert window._stage.tabifiedDockWidgets(window.docks["Image"]) == [window._streams.dock("image2")]
