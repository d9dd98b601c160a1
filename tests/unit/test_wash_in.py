"""Wash-in, wash-out and temperature of a slice."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.exposure.chamber import SUBMERGED, SUBMERGED_ON_GLASS, Chamber
from potentiate.exposure.wash_in import SliceExposure, Tissue, time_to_fraction_s, unit_step
from potentiate.protocols import drug_after_ltp, source_003
from potentiate.protocols.stimulation import tetanus
from potentiate.protocols.timetable import Induce, TemperatureStep, Timetable, WashIn, WashOut

CHAMBERS = st.builds(
    Chamber,
    name=st.just("x"),
    volume_mL=st.floats(0.05, 20.0),
    flow_mL_per_min=st.floats(0.5, 10.0),
    dead_time_s=st.floats(0.0, 60.0),
    faces=st.sampled_from([1, 2]),
)
TISSUES = st.builds(
    Tissue,
    thickness_um=st.just(400.0),
    depth_um=st.one_of(st.none(), st.floats(0.0, 400.0)),
    diffusion_um2_per_ms=st.floats(0.05, 1.0),
)


def test_time_constants_of_diffusion() -> None:
    assert Tissue().slowest_s(2) == pytest.approx(54.0, abs=0.5)
    assert Tissue().slowest_s(1) == pytest.approx(216.0, abs=0.5)
    assert Tissue(retardation={"x": 3.0}).slowest_s(2, "x") == pytest.approx(3 * Tissue().slowest_s(2))
    assert Tissue(retardation={"x": 3.0}).slowest_s(2, "y") == pytest.approx(Tissue().slowest_s(2))


@pytest.mark.parametrize("faces", [1, 2])
@pytest.mark.parametrize("depth", [None, 0.0, 60.0, 200.0, 400.0])
def test_the_series_is_what_a_grid_computes(faces: int, depth: float | None) -> None:
    chamber = Chamber("x", 1.0, 3.0, 0.0, faces)  # type: ignore[arg-type]
    tissue = Tissue(depth_um=depth)
    n, length = 200, 400.0
    h = length / n
    d = tissue.diffusion_um2_per_ms * 1e3 / h**2

    def rate(t: float, c: np.ndarray) -> np.ndarray:
        bath = -math.expm1(-t / chamber.exchange_s)
        # cell centres: a face is half a cell away
        left = 2.0 * (bath - c[0])
        right = 2.0 * (bath - c[-1]) if faces == 2 else 0.0
        inner = np.diff(c)
        return d * (np.append(inner, right) - np.append(-left, inner))

    times = np.array([5.0, 30.0, 120.0, 500.0])
    found = solve_ivp(rate, (0.0, 500.0), np.zeros(n), "LSODA", times, rtol=1e-8, atol=1e-10, lband=1, uband=1)
    centres = (np.arange(n) + 0.5) * h
    series = unit_step(chamber, tissue, times)
    bath = chamber.unit_step(times)
    for i in range(len(times)):
        grid = found.y[:, i]
        if depth is None:
            expected = grid.mean()
        else:
            edges = np.concatenate([[bath[i]], grid, [bath[i] if faces == 2 else grid[-1]]])
            expected = np.interp(depth, np.concatenate([[0.0], centres, [length]]), edges)
        assert series[i] == pytest.approx(expected, abs=3e-4)


@given(chamber=CHAMBERS, tissue=TISSUES)
def test_wash_in_rises_within_bounds_behind_the_bath(chamber: Chamber, tissue: Tissue) -> None:
    t = np.linspace(0.0, 3000.0, 200)
    inside = unit_step(chamber, tissue, t)
    assert inside[0] == 0.0
    assert (np.diff(inside) > -1e-6).all()
    assert (inside >= 0.0).all()
    assert (inside <= chamber.unit_step(t) + 1e-6).all()
    assert unit_step(chamber, tissue, -5.0) == 0.0
    long = 40.0 * (chamber.exchange_s + tissue.slowest_s(chamber.faces))
    assert unit_step(chamber, tissue, long) == pytest.approx(1.0, abs=1e-9)


@given(chamber=CHAMBERS, tissue=TISSUES, level=st.floats(0.01, 1e4), factor=st.floats(0.1, 10.0))
def test_concentration_is_linear_and_washes_out(chamber: Chamber, tissue: Tissue, level: float, factor: float) -> None:
    def table(c: float) -> Timetable:
        return Timetable("x", 10.0, 300.0, (WashIn("drug", c, 10.0), WashOut("drug", 40.0)))

    t = np.linspace(0.0, 300.0, 61)
    one = SliceExposure(table(level), chamber, tissue).concentration_uM("drug", t)
    more = SliceExposure(table(level * factor), chamber, tissue).concentration_uM("drug", t)
    np.testing.assert_allclose(more, factor * one, rtol=1e-9, atol=1e-9 * level * max(factor, 1.0))
    assert (one[t <= 10.0] == 0.0).all()
    assert (one >= -1e-6 * level).all()
    assert (one <= level * (1 + 1e-6)).all()
    late = one[t > 45.0 + (chamber.dead_time_s + 5.0 * chamber.exchange_s) / 60.0]
    assert (np.diff(late) < 1e-5 * level).all() or tissue.slowest_s(chamber.faces) > 600.0


@given(chamber=CHAMBERS, tissue=TISSUES, fraction=st.floats(0.01, 0.99))
def test_time_to_a_fraction(chamber: Chamber, tissue: Tissue, fraction: float) -> None:
    at = time_to_fraction_s(fraction, chamber, tissue) - chamber.dead_time_s
    assert unit_step(chamber, tissue, at) == pytest.approx(fraction, abs=1e-6)
    assert time_to_fraction_s(min(0.995, fraction * 1.2), chamber, tissue) >= at


def test_equal_rates_of_bath_and_mode_are_no_exception() -> None:
    tissue = Tissue()
    chamber = Chamber("x", tissue.slowest_s(2) / 60.0, 1.0, 0.0)
    near = dataclasses.replace(chamber, volume_mL=chamber.volume_mL * (1 + 1e-7))
    t = np.linspace(1.0, 500.0, 20)
    np.testing.assert_allclose(unit_step(chamber, tissue, t), unit_step(near, tissue, t), atol=1e-6)


def test_source_003_is_washed_in_before_the_tetanus() -> None:
    exposure = SliceExposure(source_003())
    at = exposure.timetable.inductions[0].at_min
    assert exposure.drugs_uM(at)["aniracetam"] == pytest.approx(1500.0, rel=1e-4)
    assert not any("warning" in note for note in exposure.notes())
    assert any("both faces" in note for note in exposure.notes())
    assert exposure.temperature_degC(-60.0) == pytest.approx(22.0)
    assert exposure.temperature_degC(20.0) == pytest.approx(31.0, abs=1e-3)
    warming = exposure.temperature_degC(np.linspace(-5.0, 20.0, 50))
    assert (np.diff(warming) >= 0.0).all()
    assert exposure.concentration_uM("cyclothiazide", 30.0) == 0.0


def test_a_tetanus_before_the_drug_has_arrived_is_told() -> None:
    early = Timetable(
        "x", 20.0, 90.0, (WashIn("aniracetam", 1500.0, 20.0), Induce(tetanus(), 22.0, under=("aniracetam",)))
    )
    (warning,) = (n for n in SliceExposure(early).notes() if "warning" in n)
    assert "% of the aniracetam" in warning
    needed = time_to_fraction_s(0.9) / 60.0
    assert needed > 2.0
    assert f"{needed:.1f} min" in warning
    later = dataclasses.replace(early, events=(early.events[0], Induce(tetanus(), 20.0 + needed + 0.05)))
    assert not any("warning" in n for n in SliceExposure(later).notes())
    assert any("warning" in n for n in SliceExposure(later, SUBMERGED_ON_GLASS).notes())
    washing = drug_after_ltp("aniracetam", 1500.0, before_min=15.0, wash_min=1.0)
    assert any("still being washed out" in n for n in SliceExposure(washing).notes())
    rested = drug_after_ltp("aniracetam", 1500.0, before_min=15.0, wash_min=30.0)
    assert not any("warning" in n for n in SliceExposure(rested).notes())


@pytest.mark.parametrize(
    "build",
    [
        lambda: Chamber("x", 0.0, 1.0, 0.0),
        lambda: Chamber("x", 1.0, math.nan, 0.0),
        lambda: Chamber("x", 1.0, 1.0, -1.0),
        lambda: Chamber("x", 1.0, 1.0, 0.0, 3),  # type: ignore[arg-type]
        lambda: Tissue(thickness_um=-1.0),
        lambda: Tissue(depth_um=500.0),
        lambda: Tissue(retardation={"x": 0.5}),
        lambda: time_to_fraction_s(1.0),
        lambda: SliceExposure(Timetable("x", 1.0, 2.0)).temperature_degC(1.0),
    ],
)
def test_impossible_chambers_are_refused(build) -> None:
    with pytest.raises(UsageError):
        build()


def test_temperature_steps_follow_each_other() -> None:
    steps = [(-60.0, 22.0), (0.0, 31.0), (30.0, 25.0)]
    chamber = SUBMERGED
    assert chamber.temperature_degC(steps, 0.0) == pytest.approx(22.0)
    tau = chamber.warming_min
    assert chamber.temperature_degC(steps, tau) == pytest.approx(31.0 - 9.0 / math.e)
    assert chamber.temperature_degC(steps, 60.0) == pytest.approx(25.0, abs=1e-4)
    table = Timetable("x", 1.0, 60.0, tuple(TemperatureStep(v, at) for at, v in steps))
    assert SliceExposure(table).temperature_degC(tau) == pytest.approx(31.0 - 9.0 / math.e)
