import subprocess
import sys

import pytest
import torch

from matstudio.domain.frame import Kind
from matstudio.modalities import weights
from matstudio.modalities.base import modality
from matstudio.modalities.weights import load_weights, save_weights

FACTS = {"model": "unet", "architecture": "net-1", "version": "3"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(path, {"a": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}, FACTS)
    return path


def test_what_was_saved_comes_back_with_its_facts(file):
    tensors, facts = load_weights(file, "net-1")
    assert torch.equal(tensors["a"], torch.arange(6.0).reshape(2, 3))
    assert tensors["n"] == 3
    assert FACTS.items() <= facts.items()


def test_the_same_weights_have_the_same_checksum_whatever_is_said_of_them(file, tmp_path):
    tensors, facts = load_weights(file, "net-1")
    assert save_weights(tmp_path / "b", tensors, FACTS | {"version": "4"}) == facts["sha256"]


def test_another_version_is_refused(file):
    with pytest.raises(ValueError, match=r"net\.safetensors: weights of net-1, not of net-2$"):
        load_weights(file, "net-2")


def test_a_file_cut_anywhere_or_with_a_changed_byte_is_refused_with_one_line(file):
    whole = file.read_bytes()
    for length in (0, 4, 8, 60, len(whole) - 5):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^[^\n]*net\.safetensors[^\n]*$"):
            load_weights(file, "net-1")
    for at, byte in enumerate(whole.rstrip()):
        file.write_bytes(whole[:at] + bytes([byte ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"^[^\n]*net\.safetensors[^\n]*$"):
            load_weights(file, "net-1")
    file.write_bytes((1 << 62).to_bytes(8, "little") + whole[8:])
    with pytest.raises(ValueError, match="cut short"):
        load_weights(file, "net-1")


def test_a_pickle_is_not_opened(file):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    torch.save({"a": Trap()}, file)
    with pytest.raises(ValueError, match="no safetensors file"):
        load_weights(file, "net-1")


def test_an_absent_file_is_said_to_be_absent_and_its_model_is_not_offered(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "MODELS", tmp_path)
    image = modality(Kind.IMAGE)
    assert image.offered() == ("baseline",)
    with pytest.raises(ValueError, match="no model 'unet': its weights are not in"):
        image.inverse("unet")
    with pytest.raises(ValueError, match="no model 'none', only baseline"):
        image.inverse("none")
    (tmp_path / "unet.safetensors").write_bytes(b"")
    assert image.offered() == ("baseline", "unet")


def test_what_is_offered_is_found_out_without_torch():
    code = (
        "import sys; from matstudio.modalities.base import modalities; [m.offered() for m in modalities().values()];"
        "sys.exit(any(n in sys.modules for n in ('torch', 'safetensors', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).returncode == 0
