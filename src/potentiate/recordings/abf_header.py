"""Sanity of an ABF header before a library is let loose on it.

A damaged count can send a reader into a loop of billions; every section must lie inside the file.
Offsets: Axon Binary File format, versions 1.x and 2.x (Molecular Devices, ABF file support pack).
"""

from __future__ import annotations

import struct

from ..errors import RecordingError

_SECTIONS_2 = (
    "protocol", "ADC", "DAC", "epoch", "ADC per DAC", "epoch per DAC", "user list", "stats region", "math",
    "strings", "data", "tag", "scope", "delta", "voice tag", "synch array", "annotation", "stats",
)  # fmt: skip


def check_abf_header(head: bytes, size: int, where: str) -> None:
    """Refuse an ABF file whose header points outside the file.

    Parameters
    ----------
    head : bytes
        The first 512 bytes or more.
    size : int
        File size in bytes.
    where : str
        File, for the message.

    Raises
    ------
    RecordingError
        Truncated, empty or damaged.
    """
    if len(head) < 512:
        raise _damaged(where, f"the header has {len(head)} of 512 bytes")
    if head[:4] == b"ABF ":
        _check_version_1(head, size, where)
    else:
        _check_version_2(head, size, where)


def _damaged(where: str, why: str) -> RecordingError:
    return RecordingError(
        "File is truncated or damaged", where=where, why=why, do="copy it again from the acquisition computer"
    )


def _check_version_1(head: bytes, size: int, where: str) -> None:
    (points,) = struct.unpack_from("<i", head, 10)
    (episodes,) = struct.unpack_from("<i", head, 16)
    data_block, tag_block, tags = struct.unpack_from("<3i", head, 40)
    synch_block, synchs, data_format = struct.unpack_from("<iih", head, 92)
    channels, interval_us = struct.unpack_from("<hf", head, 120)
    if not 1 <= channels <= 16:
        raise _damaged(where, f"the header claims {channels} channels")
    if points <= 0:
        raise RecordingError("Recording is empty", where=where, why="the header claims no samples")
    if not 0 <= episodes <= points:
        raise _damaged(where, f"the header claims {episodes} sweeps in {points} samples")
    if not 0.1 <= interval_us <= 1e9:
        raise _damaged(where, f"the header claims a sample interval of {interval_us} us")
    width = 2 if data_format == 0 else 4
    for name, block, count, bytes_each in (
        ("data", data_block, points, width),
        ("tag", tag_block, tags, 64),
        ("synch array", synch_block, synchs, 8),
    ):
        if count < 0 or block < 0 or block * 512 + count * bytes_each > size:
            raise _damaged(where, f"the {name} section ends beyond the {size} bytes of the file")


def _check_version_2(head: bytes, size: int, where: str) -> None:
    (episodes,) = struct.unpack_from("<I", head, 12)
    sections = {}
    for k, name in enumerate(_SECTIONS_2):
        block, each, count = struct.unpack_from("<IIq", head, 76 + 16 * k)
        sections[name] = (block, each, count)
        # the strings section states the size of the longest string and the number of strings
        length = max(each, count) if name == "strings" else max(each, 1) * count
        if count < 0 or block * 512 + length > size:
            raise _damaged(where, f"the {name} section ends beyond the {size} bytes of the file")
    if sections["data"][2] <= 0 or sections["data"][0] == 0:
        raise RecordingError("Recording is empty", where=where, why="the header claims no samples")
    if not 1 <= sections["ADC"][2] <= 32:
        raise _damaged(where, f"the header claims {sections['ADC'][2]} channels")
    if episodes > sections["data"][2]:
        raise _damaged(where, f"the header claims {episodes} sweeps in {sections['data'][2]} samples")
