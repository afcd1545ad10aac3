"""Column positions of an image set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from matstudio.cli.main import main
from matstudio.modalities.image.predict import predict_image


def write_set(path: Path, images: dict[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        for name, data in images.items():
            group = file.create_group(f"images/{name}")
            group["image"] = data
            group.attrs.update({"mode": "HAADF", "polarity": 1.0, "pixel_size_A": 0.1, "dose_e_per_A2": 1e4})


def spots(shape: tuple[int, int] = (128, 128)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 0.2)
    for i in range(20, 110, 25):
        for j in range(22, 110, 25):
            image += 20 * np.exp(-((x - j - 0.3) ** 2 + (y - i) ** 2) / 32)
    return np.random.default_rng(0).poisson(image).astype(np.float32)


def test_writes_positions_by_id(tmp_path: Path) -> None:
    write_set(tmp_path / "s.h5", {"a": spots(), "b": np.full((64, 64), 1.0)})
    seen: list[tuple[int, int]] = []
    assert predict_image(tmp_path / "s.h5", tmp_path / "out", lambda *x: seen.append(x)) == 2
    assert seen == [(1, 2), (2, 2)]
    with np.load(tmp_path / "out") as answer:
        assert set(answer.files) == {"a", "b"}
        assert answer["a"].shape == (16, 2)
        assert np.abs(answer["a"][:, 0] % 25 - 22.3).max() < 0.5
        assert answer["b"].shape == (0, 2)


def test_refuses_other_files(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("nothing")
    with pytest.raises(ValueError, match=r"text\.h5: cannot be read as HDF5"):
        predict_image(tmp_path / "text.h5", tmp_path / "o.npz")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(ValueError, match="no group /images"):
        predict_image(tmp_path / "empty.h5", tmp_path / "o.npz")
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file["images/x/image"] = np.zeros((32, 32))
    with pytest.raises(ValueError, match="/images/x: no image with attribute pixel_size_A"):
        predict_image(tmp_path / "half.h5", tmp_path / "o.npz")
    assert not (tmp_path / "o.npz").exists()


def test_evaluation_set(eval_data: Path, tmp_path: Path) -> None:
    """At least what a LoG filter with joint maximum likelihood reaches at each dose, and close to the bound."""
    truth = eval_data / "img_public.h5"
    predict_image(truth, tmp_path / "p.npz")
    sys.path.insert(0, str(eval_data))
    try:
        import score_atoms
    finally:
        sys.path.remove(str(eval_data))
    result = score_atoms.score(str(truth), score_atoms.load_pred(str(tmp_path / "p.npz")))
    for dose, f1, ratio in (("dose_1000", 0.70, 1.15), ("dose_10000", 0.86, 1.15), ("dose_100000", 0.945, 1.25)):
        assert result[dose]["f1"] > f1, dose
        assert result[dose]["ratio"] < ratio, dose
        assert result[dose]["precision"] > 0.95, dose


def test_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys, matstudio.modalities.image.predict, matstudio.modalities.image.forward;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'PySide6', 'pymatgen', 'h5py')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_runs_the_network_and_refuses_an_unknown_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path / "s.h5", {"a": spots(), "b": np.full((64, 64), 1.0)})
    command = ["predict", "image", str(tmp_path / "s.h5"), "--out", str(tmp_path / "p.npz"), "--model"]
    assert main([*command, "unit"]) == 2
    said = capsys.readouterr().err
    assert "image has no model 'unit', only baseline, unet" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "p.npz").exists()
    assert main([*command, "unet"]) == 0
    with np.load(tmp_path / "p.npz") as answer:
        assert np.abs(np.sort(answer["a"][:, 1]) - np.repeat([20, 45, 70, 95], 4)).max() < 0.5
        assert answer["b"].shape == (0, 2)
