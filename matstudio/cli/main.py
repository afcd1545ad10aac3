"""The `matstudio` command: parses arguments and imports what the chosen command needs, nothing else.

Exit codes: 0 done, 2 bad usage or bad input with one line that says what and where, 3 a check failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from matstudio import __version__


class UsageError(ValueError):
    """Bad usage or bad input; the text is one line."""


class CheckFailed(RuntimeError):
    """What was asked for was done, and the answer is no; the text is one line (or empty)."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"matstudio: {message} (matstudio --help)\n")


def parser() -> argparse.ArgumentParser:
    """The command line as DESIGN section 8 keeps it."""
    top = _Parser(prog="matstudio", description="Live console for materials that change under the beam.")
    top.add_argument("--version", action="version", version=f"matstudio {__version__}")
    top.set_defaults(handler="run:run", command="run")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, handler: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(handler=handler, command=name)
        return sub

    run = command("run", "run:run", "run the loop: instrument, station, models, and the window")
    for target in (top, run):
        _add_run_options(target)
    command("stop", "control:stop", "end the run: make everything safe, then stop its processes")
    command("halt", "control:halt", "make everything safe at once; the run goes on in SAFE")
    keys = command("keys", "instrument:make_keys", "let a client on another computer in: make its keys")
    keys.add_argument("name", metavar="NAME", help="of the client, for the audit log")
    remote = command("remote", "instrument:remote", "whether clients on other computers may drive, or only look on")
    remote.add_argument("allow", choices=("on", "off"))
    ask = command("ask", "instrument:ask", "give the station one command, and print its answer")
    ask.add_argument("what", metavar="COMMAND", help="status, setpoint, take_over, ...: docs/messages.md")
    ask.add_argument("field", metavar="NAME=VALUE", nargs="*")
    ask.add_argument("--station", metavar="tcp://HOST:PORT", help="one on another computer")
    ask.add_argument("--key", metavar="FILE", help="default: the only one in the configuration's folder of keys")
    open_ = command("open", "run:open_file", "open a file, or a recorded session, in the window")
    open_.add_argument("file", metavar="FILE", nargs="+")
    _add_run_options(open_, instrument=False)
    info = command("info", "files:info", "what a file holds: signals, shape, dtype, axes, units")
    info.add_argument("file", metavar="FILE")
    info.add_argument("--json", action="store_true")
    formats = command("formats", "files:formats", "which files of a folder open, and as what: a table in Markdown")
    formats.add_argument("folder", metavar="FOLDER")
    formats.add_argument("--out", metavar="FILE.md", help="write it there, or renew it there between its marks")
    simulate = command("simulate", "files:simulate", "the signal that a structure would give")
    simulate.add_argument("structure", metavar="STRUCTURE", help="CIF, POSCAR or any file that pymatgen reads")
    simulate.add_argument("--modality", metavar="KIND", required=True, help="image, diffraction, spectrum, ...")
    simulate.add_argument("--out", metavar="FILE.nxs", required=True)
    reconstruct = command("reconstruct", "reconstruct:reconstruct", "run the live models over files or a session")
    reconstruct.add_argument("file", metavar="FILE", nargs="+")
    reconstruct.add_argument("--out", metavar="FILE.nxs", required=True, help="the estimates, in a session's layout")
    reconstruct.add_argument(
        "--model", action="append", default=[], metavar="[STREAM=]NAME", help="default: the model that was recorded"
    )
    reconstruct.add_argument("--all", action="store_true", help="every frame, not only those analysed live")
    reconstruct.add_argument("--resume", action="store_true", help="go on with a job that was cut short")
    reconstruct.add_argument(
        "--scheduler", metavar="local|tcp://HOST:PORT", help="on Dask: two processes here, or a cluster that is there"
    )
    reconstruct.add_argument("--json", action="store_true")
    predict = command("predict", "files:predict", "run the model over an evaluation set")
    predict.add_argument("modality", choices=("image",))
    predict.add_argument("set", metavar="SET.h5")
    predict.add_argument("--model", default="baseline", metavar="NAME", help="baseline (default), unet or vit")
    predict.add_argument("--out", metavar="PRED", required=True)
    predict.add_argument("--denoised", metavar="FILE.h5", help="write the images without their noise, too")
    train = command("train", "train:train", "train a network from simulation")
    train.add_argument("name", choices=("unet", "denoise", "vit", "policy", "policy3"))
    train.add_argument(
        "--steps", type=int, metavar="N", help="default 7000 (a policy: 120 rounds): an hour or more on 2 idle cores"
    )
    train.add_argument("--seed", type=int, metavar="S", help="of the first weights and of all images; default 1")
    train.add_argument("--out", metavar="DIR", help="checkpoint, weights and card; default training-NAME")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    adapt = command("adapt", "adapt:adapt", "tune the denoiser on a session's own images")
    adapt.add_argument("file", nargs="*", metavar="FILE", help="sessions, or other files with images")
    adapt.add_argument("--picture", metavar="FILE.png", help="write the last image, and it denoised before and after")
    adapt.add_argument("--undo", action="store_true", help="go back to the weights that the denoiser came with")
    adapt.add_argument("--json", action="store_true")
    assembly = command("selfassembly", "selfassembly:selfassembly", "particles, heat and friction: the model problem")
    for name, kind, default, text in (
        ("n", int, 1024, "particles"),
        ("steps", int, 5000, "of Euler-Maruyama"),
        ("dt", float, 1e-3, "of a step"),
        ("diffusion", float, 0.045, "D, the temperature"),
        ("seed", int, 0, "same seed, same trajectory"),
        ("every", int, 0, "keep the positions every so many steps; 0: about 100 times"),
    ):
        assembly.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=f"{text}; default {default}")
    assembly.add_argument("--start", choices=("normal", "left", "wells"), default="normal", help="first positions")
    assembly.add_argument("--energy", metavar="C1,C2,...|FILE", help="coefficients of x, x^2, ..., or a table")
    assembly.add_argument("--score", action="store_true", help="learn the score, too, and follow the probability flow")
    assembly.add_argument("--out", metavar="FILE.nxs", help="write the trajectory")
    assembly.add_argument("--json", action="store_true")
    verify = command("verify", "audit:verify", "check a session or an audit log, and mend what a crash left")
    verify.add_argument("session", nargs="?", metavar="SESSION.nxs|LOG.jsonl")
    verify.add_argument(
        "--make-key", action="store_true", help="make the site key that seals what is logged from now on"
    )
    verify.add_argument("--json", action="store_true")
    audit = command("audit", "audit:audit", "who changed what, when, from what to what, and why")
    audit.add_argument("log", metavar="SESSION.nxs|LOG.jsonl")
    for name, text in (("who", "a person's name, pid, station"), ("kind", "mode, setpoint, alarm, write, ...")):
        audit.add_argument(f"--{name}", metavar="WORD", help=text)
    audit.add_argument("--name", metavar="NAME", help="of the value or the alarm: temperature, heater, ...")
    audit.add_argument("--since", metavar="T", help="run time, in s or as h:mm:ss")
    audit.add_argument("--json", action="store_true", help="the entries themselves, a line each")
    plugins = command("plugins", "plugins:plugins", "what plugins there are, and a switch for each")
    plugins.add_argument("--off", metavar="NAME", help="leave a plugin out from the next start on")
    plugins.add_argument("--on", metavar="NAME", help="use it again")
    plugins.add_argument("--json", action="store_true")
    doctor = command("doctor", "doctor:doctor", "whether this machine has what MatStudio needs")
    doctor.add_argument("--json", action="store_true")
    bench = command("bench", "bench:bench", "measure speed against named peers and limits")
    bench.add_argument("name", nargs="?", metavar="NAME")
    bench.add_argument("--json", action="store_true")
    bench.add_argument("--full", action="store_true", help="the long form: more samples, and memory over 10,000 frames")
    return top


def _add_run_options(target: argparse.ArgumentParser, *, instrument: bool = True) -> None:
    if instrument:
        target.add_argument("--instrument", default="twin", metavar="twin|replay:FILE|...", help="default: the twin")
        target.add_argument("--listen", metavar="tcp://HOST:PORT", help="let clients with keys reach the station")
        target.add_argument("--key", metavar="FILE", help="for --instrument tcp://HOST:PORT, a station elsewhere")
    target.add_argument("--headless", action="store_true", help="no window; ends with this command")
    target.add_argument("--duration", type=float, metavar="S", help="end after S seconds of run time")
    target.add_argument("--speed", type=float, default=1.0, metavar="X", help="run time per real time, 0.1 to 100")
    target.add_argument("--record", metavar="FILE.nxs", help="record from the start")
    target.add_argument("--screenshot", metavar="PNG", help="leave a picture of the window at the end")
    target.add_argument(
        "--report",
        action="append",
        metavar="FILE",
        help="leave a report at the end: .json, .html or .pdf; may be given again",
    )
    target.add_argument("--mode", choices=("OFF", "MANUAL", "PID", "ADVISE", "POLICY"), help="ask for this mode")
    target.add_argument("--seed", type=int, default=0, help="of the twin; same seed, same frames")
    target.add_argument("--domain-atoms", type=float, metavar="N", help="of the twin, 100 to 1e9: few fluctuate more")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. What a user can cause ends with one line, not a traceback."""
    arguments = parser().parse_args(argv)
    module, _, name = arguments.handler.partition(":")
    handler = getattr(import_module(f"matstudio.cli.{module}"), name)
    try:
        return int(handler(arguments) or 0)
    except CheckFailed as error:
        if str(error):
            print(f"matstudio {arguments.command}: {_line(error)}", file=sys.stderr)
        return 3
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except (ValueError, OSError) as error:
        print(f"matstudio {arguments.command}: {_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
