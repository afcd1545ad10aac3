from multiprocessing import resource_tracker

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from matstudio.cli.main import main
from matstudio.modalities.image.denoise import Denoiser
from matstudio.modalities.image.unet import READING, UNet
from matstudio.training import denoise, denoise_card, loop, unet, unet_card, validation
from matstudio.training.crystals import place
from matstudio.training.loop import Task, Training, batch, train

TINY = ((48, 2), (64, 1))
TASKS = (unet.TASK, denoise.TASK)
resource_tracker.ensure_running()  # a child of Python's own, which lives as long as the process that first spawned


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learnt(training: Training, last: int) -> Training:
    while training.step < last:
        training.learn(batch(training.task, training.seed, training.step, training.sizes))
    return training


def same(one: Training, two: Training) -> bool:
    pairs = ((one.weights(), two.weights()), (one.net.state_dict(), two.net.state_dict()))
    return all(torch.equal(a[k], b[k]) for a, b in pairs for k in a)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_training_that_was_interrupted_gives_the_same_weights(tmp_path, task: Task):
    whole = learnt(Training(task, 4, 5, TINY), 5)
    learnt(Training(task, 4, 5, TINY), 2).save(tmp_path)
    assert same(learnt(Training.resume(task, tmp_path), 5), whole)
    assert not same(learnt(Training(task, 5, 5, TINY), 5), whole)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_batches_come_from_another_process_as_they_would_from_this_one(tmp_path, task: Task):
    training = Training(task, 4, 3, TINY)
    seen = []
    train(training, tmp_path, report=seen.append)
    assert same(training, learnt(Training(task, 4, 3, TINY), 3))
    assert (seen[-1].step, seen[-1].steps, seen[-1].left_s) == (3, 3, 0)
    with pytest.raises(ValueError, match="has 3 steps already"):
        Training.resume(task, tmp_path)
    assert Training.resume(task, tmp_path, 9).steps == 9


def test_an_interrupt_leaves_a_checkpoint_and_the_command_that_goes_on(tmp_path, monkeypatch, capsys):
    def interrupted(task, seed, first, last, sizes):
        yield batch(task, seed, 0, TINY)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "batches", interrupted)
    assert main(["train", "unet", "--out", str(tmp_path / "a"), "--steps", "4", "--seed", "2"]) == 130
    assert f"step 1; matstudio train unet --out {tmp_path / 'a'} --resume" in capsys.readouterr().err
    resumed = Training.resume(unet.TASK, tmp_path / "a")
    assert (resumed.step, resumed.steps, resumed.seed) == (1, 4, 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--resume"], "no checkpoint that can be read"),
        (["--steps", "0"], "--steps 0: 1 or more"),
        (["--seed", "-1"], "--seed -1: 0 or more"),
        (["--seed", "3", "--resume"], "a training that is resumed has its seed"),
    ],
)
def test_bad_usage_gives_one_line(tmp_path, capsys, arguments, says):
    assert main(["train", "unet", "--out", str(tmp_path), *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_a_training_is_not_overwritten_and_a_damaged_checkpoint_not_resumed(tmp_path, capsys):
    Training(unet.TASK, 1, 2, TINY).save(tmp_path)
    assert main(["train", "unet", "--out", str(tmp_path)]) == 2
    assert "a training is there already" in capsys.readouterr().err
    whole = (tmp_path / "checkpoint.safetensors").read_bytes()
    for damaged in (whole[:-9], b"", whole.replace(b"columns-unet-1", b"columns-unet-0")):
        (tmp_path / "checkpoint.safetensors").write_bytes(damaged)
        assert main(["train", "unet", "--out", str(tmp_path), "--resume"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_finished_training_is_weights_that_load_and_a_card(tmp_path, monkeypatch, capsys):
    Training(unet.TASK, 3, 2, TINY).save(tmp_path)
    monkeypatch.setattr(validation, "SIZE", 96)
    monkeypatch.setattr(validation, "ranges", lambda seed: (("skewness", -1.0, 1.0),))
    monkeypatch.setattr(validation, "noise", lambda net: 0.3)
    monkeypatch.setattr(unet_card, "COUNT", 2)
    assert main(["train", "unet", "--out", str(tmp_path), "--resume"]) == 0
    said = capsys.readouterr()
    assert "step 2/2" in said.err
    model = UNet(tmp_path / "unet.safetensors")
    assert model.version == f"2-3.{READING}"
    assert model.find.settings.ranges == (("skewness", -1.0, 1.0),)
    text = (tmp_path / "unet.md").read_text()
    assert "`matstudio train unet --steps 2 --seed 3`: 2 steps" in text
    rows = [line for line in text.splitlines() if line.startswith("| 1e")]
    assert len(rows) == 3
    assert all(row in said.out for row in rows)


def test_a_trained_denoiser_loads_and_its_card_says_how_good_it_is(tmp_path, monkeypatch, capsys):
    Training(denoise.TASK, 3, 2, TINY).save(tmp_path)
    monkeypatch.setattr(validation, "SIZE", 96)
    monkeypatch.setattr(denoise_card, "COUNT", 2)
    assert main(["train", "denoise", "--out", str(tmp_path), "--resume"]) == 0
    assert Denoiser(tmp_path / "denoise.safetensors").version == "2-3"
    text = (tmp_path / "denoise.md").read_text()
    assert "`matstudio train denoise --steps 2 --seed 3`: 2 steps" in text
    rows = [line for line in text.splitlines() if line.startswith("| 1e")]
    assert len(rows) == 3
    said = capsys.readouterr().out
    assert all(row in said for row in rows)


def test_the_loss_of_the_denoiser_is_its_psnr_and_40_dB_are_enough():
    clean = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    clean = (clean - clean.min()) / np.ptp(clean)
    for error, least in ((0.1, 0.1), (0.03, 0.1), (0.0, 0.01)):
        shown = clean + np.float32(error)
        nothing = np.zeros_like(clean)
        known = torch.from_numpy(np.stack([shown, nothing, clean], axis=1))
        loss = denoise.TASK.loss(torch.zeros(1, 2, 32, 32), [known, known, torch.ones(1)])
        wanted = -0.1 * denoise_card.psnr(shown, clean) if error else -4.0
        assert float(loss) == pytest.approx(wanted, abs=least)


def test_real_crystals_have_their_columns():
    rutile = validation.crystals()[6]
    assert len(rutile.sites) == 6
    assert np.isclose(rutile.weight, 1).sum() == 2
    for what in validation.crystals():
        assert 0 < what.weight.min() <= what.weight.max() == 1
        columns = place(what, 0.3, np.array([0.1, 0.2]), 20.0, 1.0)
        assert 1.0 < cKDTree(columns.xy).query(columns.xy, k=2)[0][:, 1].min() < 3.0
