from pathlib import Path

import pytest

from matstudio.plugins import ManifestError, parse

HEAD = 'name = "one"\nversion = "1"\napi = 1\n'
MODALITY = '[[modality]]\nkind = "x"\ntitle = "X"\nviewer = "a.b:C"\n'
PATH = Path("plugin.toml")


def test_a_whole_manifest():
    text = (
        HEAD
        + MODALITY
        + (
            'forward = "a:F"\ninverses = { one = "a:M", two = "a:N" }\n'
            'weights = { two = "n.safetensors" }\nmodes = ["X"]\n'
            'stream = { title = "X 4", shape = [2, 2], dtype = "uint16", rate = 2.5 }\n'
            '[[instrument]]\nname = "shelf"\ntitle = "Shelf"\nsource = "a:s"\n'
            '[[dock]]\nkey = "d"\ntitle = "D"\nwidget = "a:D"\n'
            '[[reader]]\nname = "r"\nendings = ["abc"]\nmagic = "00ff"\nread = "a:r"\n'
        )
    )
    made = parse(text, PATH)
    assert made.claims() == ["modality x", "instrument shelf", "dock d", "reader r"]
    (m,) = made.modality
    assert list(m.inverses) == ["one", "two"]
    assert m.stream is not None
    assert m.stream.shape == (2, 2)
    assert made.reader[0].endings == ("abc",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = ", "plugin.toml: no TOML"),
        ('name = "one"\nversion = "1"\napi = 2\n', "plugin.toml:3: api: made for plugin API 2, this is API 1"),
        ('name = "one"\nversion = "1"\n', "plugin.toml:1: api: made for plugin API None, this is API 1"),
        ('name = "One"\nversion = "1"\napi = 1\n', "plugin.toml:1: name 'One': lower-case"),
        (HEAD + 'colour = "red"\n', "plugin.toml:4: colour: not known"),
        (HEAD + "modality = 3\n", "plugin.toml:4: modality is no list"),
        (HEAD + "modality = [3]\n", "plugin.toml:4: modality is no table"),
        (HEAD + '[[modality]]\nkind = "x"\n', "plugin.toml:4: modality.title is missing"),
        (HEAD + MODALITY + 'viewers = "a:b"\n', "plugin.toml:8: modality.viewers: not known"),
        (HEAD + MODALITY.replace('"X"', "4"), "plugin.toml:6: modality.title is int"),
        (HEAD + MODALITY.replace('"x"', '"../x"'), "plugin.toml:5: modality.kind '../x'"),
        (HEAD + MODALITY.replace("a.b:C", "import os"), "plugin.toml:7: modality.viewer 'import os'"),
        (HEAD + MODALITY + 'weights = { one = "f" }\n', "plugin.toml:8: modality.weights.one: no inverse"),
        (
            HEAD + MODALITY + 'stream = { title = "X", shape = [4], dtype = "uint16", rate = 1.0 }\n',
            "plugin.toml:8: modality.stream without a forward",
        ),
        (
            HEAD + MODALITY + 'forward = "a:F"\nstream = { title = "X", shape = [4], dtype = "object", rate = 1.0 }\n',
            "plugin.toml:9: modality.stream.dtype 'object'",
        ),
        (
            HEAD + MODALITY + 'forward = "a:F"\nstream = { title = "X", shape = [0], dtype = "uint8", rate = 1.0 }\n',
            "plugin.toml:9: modality.stream.shape",
        ),
        (
            HEAD + MODALITY + 'forward = "a:F"\nstream = { title = "X", shape = [4], dtype = "uint8", rate = nan }\n',
            "plugin.toml:9: modality.stream.rate nan",
        ),
        (
            HEAD + '[[instrument]]\nname = "twin"\ntitle = "T"\nsource = "a:s"\n',
            "plugin.toml:5: instrument.name 'twin'",
        ),
        (HEAD + '[[reader]]\nname = "r"\nendings = []\nread = "a:r"\n', "plugin.toml:6: reader.endings: neither"),
        (HEAD + MODALITY + MODALITY, "plugin.toml:4: modality: modality x twice"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(text, line):
    with pytest.raises(ManifestError) as refused:
        parse(text, PATH)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)
