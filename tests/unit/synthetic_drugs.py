"""Synthetic outside-out patches with planted drugs, for tests of mechanism comparison."""

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.inference.experiment import Experiment
from potentiate.kinetics.modulator import Modulator, apply_modulator

SCHEME = find_scheme("Partin1996")

#: Planted mechanisms: factor on closing or entry into desensitization with the site occupied.
PLANTED = {
    "closing": Modulator("drug", 1, 500.0, 2.0, {"open": (6.0,)}, {"gate": 0.0}),
    "closing + desensitization entry": Modulator(
        "drug", 1, 500.0, 2.0, {"open": (4.0,), "desensitized": (0.25,)}, {"gate": 0.0}
    ),
    "no effect": Modulator("drug", 1, 500.0, 2.0),
}


def patches(
    planted, *, cells=3, channels=100, noise=2.0, repeats=3, doses=(3000.0,), widths=(1.0, 100.0), seed=1,
    exchange=0.0, filter_kHz=None,
):  # fmt: skip
    """Stochastic patches: control and drug sweeps of each cell."""
    scheme = apply_modulator(SCHEME, PLANTED[planted])
    rig = Rig(exchange_10_90_ms=exchange, filter_kHz=filter_kHz, noise_pA=noise)
    baths = [Bath()] * repeats + [Bath({"drug": d}) for d in doses for _ in range(repeats)]
    made = []
    for c in range(cells):
        for i, width in enumerate(widths):
            protocol = protocols.jump(width_ms=width, after_ms=40.0, dt_ms=0.05 if exchange == 0 else 0.02)
            patch = Patch(scheme, channels=channels, stochastic=True, rig=rig)
            recording = run(patch, protocol, baths, seed=1000 * seed + 10 * c + i)
            made.append(
                Experiment(
                    recording, protocol, baths, cell=f"cell {c + 1}", exchange_10_90_ms=exchange, filter_kHz=filter_kHz
                )
            )
    return made
