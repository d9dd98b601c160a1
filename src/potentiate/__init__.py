"""potentiate: an in-silico laboratory for the pharmacology of the glutamatergic synapse.

A preparation, under an exposure, is given a protocol and yields a recording; measures read observables off it.

>>> import potentiate as pt
>>> aniracetam = pt.find_action("aniracetam")
>>> patch = pt.Patch(aniracetam.apply(pt.find_scheme("Rodrigues2023")))
>>> control, drug = pt.Bath(), pt.Bath({"aniracetam": 5000.0})
>>> recording = pt.run(patch, pt.protocols.jump(width_ms=1.0), [control, drug])
>>> recording.sweeps.shape[0]
2

Names are imported on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import measures as measures
    from . import protocols as protocols
    from .evidence.battery import run_battery as run_battery
    from .evidence.claim_answer import answer_claim as answer_claim
    from .evidence.dose_study import study_dose as study_dose
    from .evidence.finding_query import query as query_findings  # noqa: F401 - re-exported under a longer name
    from .evidence.ruler import ruler as ruler
    from .evidence.stack_review import review_stack as review_stack
    from .exchange import export as export
    from .exposure.bath import Bath as Bath
    from .exposure.expose import expose as expose
    from .exposure.interaction import find_interactions as find_interactions
    from .exposure.people import People as People
    from .exposure.people_text import parse_people as parse_people
    from .exposure.regimen import parse_regimen as parse_regimen
    from .inference.conditions import read_conditions as read_conditions
    from .inference.discriminate import discriminate as discriminate
    from .inference.experiment import Experiment as Experiment
    from .inference.fit import fit as fit
    from .inference.model import DrugModel as DrugModel
    from .inference.model import Model as Model
    from .inference.population import fit_population as fit_population
    from .inference.population_model import population_model as population_model
    from .inference.problem import Problem as Problem
    from .inference.store import load_fit as load_fit
    from .kinetics.modulator import Modulator as Modulator
    from .kinetics.modulator import apply_modulator as apply_modulator
    from .kinetics.scheme import Scheme as Scheme
    from .library.compound import find_compound as find_compound
    from .library.finding import find_finding as find_finding
    from .library.modulator import find_action as find_action
    from .library.receptor import resolve as resolve_receptor  # noqa: F401 - re-exported under a longer name
    from .library.scheme import find_scheme as find_scheme
    from .library.scheme import scheme_ids as scheme_ids
    from .preparations import run as run
    from .preparations.exposure_study import study_exposure as study_exposure
    from .preparations.patch import Patch as Patch
    from .preparations.patch import Rig as Rig
    from .preparations.patch_study import study_patch as study_patch
    from .preparations.slice import Slice as Slice
    from .preparations.slice_study import measure_experiment as measure_experiment
    from .preparations.subject import Subject as Subject
    from .preparations.synapse import Synapse as Synapse
    from .preparations.synapse_study import study_synapse as study_synapse
    from .recordings import Recording as Recording
    from .recordings import read as read
    from .recordings import write as write
    from .recordings.pk_table import read_pk_table as read_pk_table

#: public name -> (module, name in it); None is the module itself
_PUBLIC = {
    "Bath": ("exposure.bath", "Bath"),
    "DrugModel": ("inference.model", "DrugModel"),
    "Experiment": ("inference.experiment", "Experiment"),
    "Model": ("inference.model", "Model"),
    "Modulator": ("kinetics.modulator", "Modulator"),
    "Patch": ("preparations.patch", "Patch"),
    "People": ("exposure.people", "People"),
    "Problem": ("inference.problem", "Problem"),
    "Recording": ("recordings", "Recording"),
    "Rig": ("preparations.patch", "Rig"),
    "Scheme": ("kinetics.scheme", "Scheme"),
    "Slice": ("preparations.slice", "Slice"),
    "Subject": ("preparations.subject", "Subject"),
    "Synapse": ("preparations.synapse", "Synapse"),
    "answer_claim": ("evidence.claim_answer", "answer_claim"),
    "apply_modulator": ("kinetics.modulator", "apply_modulator"),
    "export": ("exchange", "export"),
    "expose": ("exposure.expose", "expose"),
    "find_action": ("library.modulator", "find_action"),
    "find_compound": ("library.compound", "find_compound"),
    "find_finding": ("library.finding", "find_finding"),
    "find_interactions": ("exposure.interaction", "find_interactions"),
    "find_scheme": ("library.scheme", "find_scheme"),
    "discriminate": ("inference.discriminate", "discriminate"),
    "fit": ("inference.fit", "fit"),
    "fit_population": ("inference.population", "fit_population"),
    "population_model": ("inference.population_model", "population_model"),
    "read_pk_table": ("recordings.pk_table", "read_pk_table"),
    "load_fit": ("inference.store", "load_fit"),
    "measure_experiment": ("preparations.slice_study", "measure_experiment"),
    "measures": ("measures", None),
    "parse_people": ("exposure.people_text", "parse_people"),
    "parse_regimen": ("exposure.regimen", "parse_regimen"),
    "protocols": ("protocols", None),
    "query_findings": ("evidence.finding_query", "query"),
    "read": ("recordings", "read"),
    "read_conditions": ("inference.conditions", "read_conditions"),
    "resolve_receptor": ("library.receptor", "resolve"),
    "review_stack": ("evidence.stack_review", "review_stack"),
    "ruler": ("evidence.ruler", "ruler"),
    "run": ("preparations", "run"),
    "run_battery": ("evidence.battery", "run_battery"),
    "scheme_ids": ("library.scheme", "scheme_ids"),
    "study_exposure": ("preparations.exposure_study", "study_exposure"),
    "study_dose": ("evidence.dose_study", "study_dose"),
    "study_patch": ("preparations.patch_study", "study_patch"),
    "study_synapse": ("preparations.synapse_study", "study_synapse"),
    "write": ("recordings", "write"),
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'potentiate' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    found = importlib.import_module(f".{module}", __name__)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
