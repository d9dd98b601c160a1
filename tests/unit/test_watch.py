"""Sweeps that appear one by one: the verdict follows within a second, the next sweep is proposed, an end is called."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from potentiate import Bath, Patch, Rig, protocols, run
from potentiate.errors import UsageError
from potentiate.inference.alternatives import parse_alternatives
from potentiate.inference.discriminate import Binding
from potentiate.inference.next_experiment import Candidate
from potentiate.inference.setting import Setting
from potentiate.inference.watch import CONFIRM, PATIENCE, Watcher, watch
from potentiate.kinetics.modulator import apply_modulator

sys.path.insert(0, str(Path(__file__).parent))
from synthetic_drugs import PLANTED, SCHEME

BINDING = Binding(500.0, 2.0, source="planted")
SHORT = protocols.jump(width_ms=1.0, after_ms=40.0, dt_ms=0.05)
LONG = protocols.jump(width_ms=100.0, after_ms=30.0, dt_ms=0.05)
ALTERNATIVES = parse_alternatives("closing, opening, desensitization entry, unbinding", SCHEME)
RIG = Rig(noise_pA=2.0)


def setting(protocol, dose):
    bath = Bath({"drug": dose}) if dose else Bath()
    return Setting(protocol, bath, round(protocol.duration_ms / protocol.dt_ms) + 1, protocol.dt_ms)


MENU = [Candidate(setting(p, 0.0), setting(p, 3000.0)) for p in (SHORT, LONG)]


class Bench:
    """A rig that records a sweep of a setting into a folder, as files that hold their protocol."""

    def __init__(self, folder, planted="closing", channels=60):
        self.folder, self.count = folder, 0
        scheme = apply_modulator(SCHEME, PLANTED[planted])
        self.patch = Patch(scheme, channels=channels, stochastic=True, rig=RIG)

    def record(self, setting):
        recording = run(self.patch, setting.protocol, setting.bath, seed=77 + self.count)
        path = self.folder / f"sweep_{self.count:03d}.nc"
        recording.save(path)
        self.count += 1
        return path


def options(**more):
    return {"menu": MENU, "binding": BINDING, "alternatives": ALTERNATIVES, "read": read_as_one_cell, **more}


def read_as_one_cell(path):
    """The rig's files hold protocol and solutions; all belong to one cell."""
    import dataclasses

    from potentiate.inference.conditions import conditions_of

    return [dataclasses.replace(e, cell="cell 1") for e in conditions_of(path, {}, {}).experiments]


def settled(watcher):
    """Look until every alternative has seen the data."""
    update = watcher.update()
    while update.pending:
        update = watcher.update()
    return update


def test_a_replayed_patch_is_decided_and_every_update_is_quick(tmp_path):
    bench = Bench(tmp_path)
    watcher = Watcher(tmp_path, SCHEME, **options())
    assert watcher.update() is None
    bench.record(MENU[0].control)
    first = watcher.update()
    assert first.status == "waiting"
    assert first.next_sweep.setting.drug == "drug"
    nothing_new = watcher.update()
    assert nothing_new is None
    spent, update = [], first
    while not update.stop and bench.count < 40:
        if not update.pending:
            bench.record(update.next_sweep.setting)
        began = time.process_time()
        update = watcher.update()
        spent.append(time.process_time() - began)
    assert update.stop
    assert update.status == "decided"
    assert update.names == ("closing",)
    assert update.sweeps == bench.count <= 24
    assert update.next_sweep is None
    # the very first one fits everything from scratch
    assert max(spent[1:]) < 1.0
    assert sum(update.weights.values()) == pytest.approx(1.0)
    assert "slows closing" in update.describe()
    assert "jax" not in sys.modules or watcher.found is not None  # nothing to compile either way


def test_the_proposed_pulse_is_the_one_that_separates(tmp_path):
    """Brief pulses do not test desensitization: no end is called before the long one."""
    bench = Bench(tmp_path, "closing + desensitization entry")
    alternatives = parse_alternatives("closing, closing + desensitization entry, unbinding", SCHEME)
    watcher = Watcher(tmp_path, SCHEME, **options(alternatives=alternatives))
    update = None
    for _ in range(CONFIRM + 1):
        bench.record(MENU[0].control)
        bench.record(MENU[0].drug)
        update = settled(watcher)
        assert not update.stop
    assert update.next_sweep.setting.protocol is LONG
    assert "100 ms" in update.next_sweep.text
    while not update.stop and bench.count < 40:
        bench.record(update.next_sweep.setting)
        update = settled(watcher)
    assert update.names == ("closing + desensitization entry",)


def test_a_half_written_file_is_tried_again(tmp_path):
    bench = Bench(tmp_path)
    whole = bench.record(MENU[0].control)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 3])
    watcher = Watcher(tmp_path, SCHEME, **options())
    assert watcher.update() is None
    whole.write_bytes(content)
    update = watcher.update()
    assert update.files == (whole.name,)
    assert update.sweeps == 1


def test_a_file_that_never_becomes_readable_is_given_up_with_its_reason(tmp_path):
    (tmp_path / "broken.abf").write_bytes(b"ABF2" + b"\0" * 40)
    (tmp_path / "notes.txt").write_text("patch lost")
    watcher = Watcher(tmp_path, SCHEME, **options())
    updates = [u for _ in range(PATIENCE + 3) if (u := watcher.update()) is not None]
    assert len(updates) == 1
    assert updates[0].unreadable[0].startswith("broken.abf: ")
    assert updates[0].sweeps == 0


def test_a_table_tells_what_the_files_are(tmp_path):
    bench = Bench(tmp_path)
    lines = ["file,cell,drug,concentration_uM,agonist_mM,pulse_ms,on_ms"]
    for k, s in enumerate((MENU[0].control, MENU[0].drug)):
        bench.record(s)
        lines.append(f"sweep_{k:03d}.nc,c1,{'drug' if s.drug else 'control'},{s.concentration_uM},10,1,2")
    watcher = Watcher(tmp_path, SCHEME, binding=BINDING, alternatives=ALTERNATIVES, menu=MENU)
    (tmp_path / "conditions.csv").write_text("\n".join(lines[:2]) + "\n")
    update = watcher.update()
    assert update.files == ("sweep_000.nc",)
    assert update.waiting == ("sweep_001.nc",)  # its line is not written yet
    (tmp_path / "conditions.csv").write_text("\n".join(lines) + "\n")
    assert watcher.update().files == ("sweep_001.nc",)
    assert watcher.tally.cells == ["c1"]


def test_watch_ends_when_nothing_comes(tmp_path):
    assert list(watch(tmp_path, SCHEME, poll_s=0.01, limit_s=0.03, **options())) == []
    with pytest.raises(UsageError, match="No such folder"):
        next(watch(tmp_path / "no", SCHEME))
    shutil.rmtree(tmp_path)
    assert CONFIRM >= 2
