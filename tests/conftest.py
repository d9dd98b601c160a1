"""Settings of every test (float64, one platform, no display, repeatable random examples), and files of foreign formats.

HEKA: "DataFile_v9.txt", "PulsedFile_v9.txt", "StimFile_v9.txt" (HEKA). Igor: Technical Notes TN003 and PTN003
(WaveMetrics). Made from the published layouts, as oracles of the readers; nothing here shares code with them.
"""

import os
import struct
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# before anything imports JAX or matplotlib
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

hypothesis.settings.register_profile(
    "potentiate",
    derandomize=True,
    deadline=None,  # the first example compiles; the time limit is pytest's
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("potentiate")


def _record(size, fields, order="<"):
    record = bytearray(size)
    for form, at, value in fields:
        struct.pack_into(order + form, record, at, value.encode() if isinstance(value, str) else value)
    return bytes(record)


def _tree(sizes, node, order="<"):
    """Depth first: a record and the number of its children."""

    def parts(node):
        record, children = node
        yield record + struct.pack(f"{order}i", len(children))
        for child in children:
            yield from parts(child)

    head = b"eerT" if order == "<" else b"Tree"
    return head + struct.pack(f"{order}{1 + len(sizes)}i", len(sizes), *sizes) + b"".join(parts(node))


def write_heka(path, series, step_s=5e-5, begin_s=0.0, order="<", kind=0):
    """Write a bundle of one group.

    ``series``: list of (label, sweeps); a sweep is a list of (label, unit, samples, scale, zero).
    ``kind``: format of the samples, 0 to 3: int16, int32, float32, float64.
    """
    data = bytearray(256)
    groups = []
    for label, sweeps in series:
        rows = []
        for number, sweep in enumerate(sweeps):
            traces = []
            for name, unit, counts, scale, zero in sweep:
                counts = np.asarray(counts, order + ("i2", "i4", "f4", "f8")[kind])
                fields = [
                    ("32s", 4, name), ("i", 40, len(data)), ("i", 44, counts.size), ("h", 64, 1), ("B", 70, kind),
                    ("d", 72, scale), ("d", 80, 0.0), ("d", 88, zero), ("8s", 96, unit), ("d", 104, step_s),
                    ("d", 112, begin_s), ("8s", 120, "s"),
                ]  # fmt: skip
                traces.append((_record(512, fields, order), []))
                data += counts.tobytes()
            fields = [("i", 40, 1), ("i", 44, number + 1), ("d", 48, 1e9 + 2.0 * number)]
            rows.append((_record(288, fields, order), traces))
        head = [("32s", 4, label), ("i", 116, 1), ("i", 120, len(sweeps)), ("d", 136, 1e9)]
        groups.append((_record(1408, head, order), rows))
    group = (_record(144, [("32s", 4, "cell 1"), ("i", 120, 1)], order), groups)
    root = _record(640, [("i", 0, 9), ("32s", 8, "v2x90.2, 22-Nov-2016"), ("d", 520, 1e9)], order)
    pul = _tree((640, 144, 1408, 288, 512), (root, [group]), order)
    segment = _record(80, [("d", 8, -0.06), ("d", 20, 1.0), ("d", 36, 0.1), ("d", 48, 1.0)])
    channel = _record(400, [("b", 25, 1), ("8s", 40, "V"), ("d", 48, -0.06)])
    stimulus = _record(248, [("32s", 4, "step"), ("d", 112, step_s), ("i", 144, 1), ("i", 156, 1), ("i", 160, 1)])
    pgf_root = _record(584, [("i", 0, 9), ("32s", 8, "v2x90.2, 22-Nov-2016")])
    pgf = _tree((584, 248, 400, 80), (pgf_root, [(stimulus, [(channel, [(segment, [])])])]))
    items = [(".dat", 256, len(data) - 256), (".pul", len(data), len(pul)), (".pgf", len(data) + len(pul), len(pgf))]
    struct.pack_into(f"{order}8s32sdi?", data, 0, b"DAT2", b"v2x90.2, 22-Nov-2016", 1e9, len(items), order == "<")
    for k, (name, begin, length) in enumerate(items):
        struct.pack_into(f"{order}ii8s", data, 64 + 16 * k, begin, length, name.encode())
    Path(path).write_bytes(bytes(data) + pul + pgf)
    return path


def igor_wave(name, values, unit="A", step=5e-5, x_unit="s", begin=0.0, version=5, order="<", note="",
              long_units=("", "")):  # fmt: skip
    """Return an Igor binary wave of float64; columns of a table are its second dimension."""
    values = np.atleast_1d(np.asarray(values, order + "f8"))
    body = values.tobytes(order="F")
    dims = (*values.shape, 0, 0, 0)[:4]
    if version == 5:
        tail = [note.encode(), *(u.encode() for u in long_units)]
        head = struct.pack(f"{order}hh13i2i", 5, 0, 320 + len(body), 0, *map(len, tail), *[0] * 10)
        wave = bytearray(320)
        struct.pack_into(f"{order}IIih", wave, 4, 0, 0, values.size, 4)
        struct.pack_into("32s", wave, 28, name.encode())
        struct.pack_into(f"{order}4i", wave, 68, *dims)
        struct.pack_into(f"{order}4d", wave, 84, step, 1.0, 1.0, 1.0)
        struct.pack_into(f"{order}4d", wave, 116, begin, 0.0, 0.0, 0.0)
        struct.pack_into("4s4s", wave, 148, unit.encode(), x_unit.encode())
        return head + bytes(wave) + body + b"".join(tail)
    head = struct.pack(f"{order}hiiih", 2, 110 + len(body) + 16, 0, 0, 0)
    wave = bytearray(110)
    struct.pack_into(f"{order}h", wave, 0, 4)
    struct.pack_into("20s", wave, 6, name.encode())
    struct.pack_into("4s4s", wave, 34, unit.encode(), x_unit.encode())
    struct.pack_into(f"{order}ihdd", wave, 42, values.size, 0, step, begin)
    return head + bytes(wave) + body + bytes(16)


def igor_experiment(items):
    """Return a packed experiment of waves (bytes), folders (str) and ends of folders (None)."""
    content = struct.pack("<HhI", 2, 0, 6) + b"print\r"  # history: skipped by readers of waves
    for item in items:
        kind, body = (10, b"") if item is None else (9, item.encode().ljust(32, b"\0")) if isinstance(item, str) else (
            3, item)  # fmt: skip
        content += struct.pack("<HhI", kind, 0, len(body)) + body
    return content


def write_foreign_nwb(path, *, sweeps=4, points=200, table=True, stimulated=3, conversion=1e-12, lengths=None, **more):
    """Write a voltage-clamp NWB file by pynwb alone, as a laboratory would: int16 counts, a gain, electrode names."""
    import datetime

    import pynwb
    from pynwb import icephys

    rng = np.random.default_rng(3)
    file = pynwb.NWBFile("a cell", "id", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    device = file.create_device(name="amplifier")
    electrode = file.create_icephys_electrode(name="elec0", description="d", device=device)
    for k in range(sweeps):
        n = lengths[k] if lengths else points
        counts = rng.integers(-2000, 2000, n).astype(np.int16)
        start = 3.0 * k
        response = icephys.VoltageClampSeries(
            name=f"data_{k:03d}_AD0", data=counts, electrode=electrode, gain=0.01, conversion=conversion, rate=2e4,
            starting_time=start, sweep_number=np.uint32(k), **more,
        )  # fmt: skip
        stimulus = icephys.VoltageClampStimulusSeries(
            name=f"data_{k:03d}_DA0", data=np.full(n, -60.0 + k), electrode=electrode, gain=0.02, conversion=1e-3,
            rate=2e4, starting_time=start, sweep_number=np.uint32(k),
        )  # fmt: skip
        if table:
            pair = {"stimulus": stimulus} if k < stimulated else {}
            file.add_intracellular_recording(electrode=electrode, response=response, **pair)
        else:
            file.add_acquisition(response)
            if k < stimulated:
                file.add_stimulus(stimulus)
    with pynwb.NWBHDF5IO(str(path), "w") as out:
        out.write(file)
    return path


class Foreign:
    """The writers above, for tests in any folder."""

    heka = staticmethod(write_heka)
    nwb = staticmethod(write_foreign_nwb)
    igor_wave = staticmethod(igor_wave)
    igor_experiment = staticmethod(igor_experiment)


@pytest.fixture(scope="session")
def foreign():
    return Foreign
