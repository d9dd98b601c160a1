"""Measures: observables read off recordings by named, switchable conventions.

Every function takes plain arrays (``t_ms``, ``current_pA``), so simulated and real recordings share the code.
"""

from .concentration import ConcentrationResponse as ConcentrationResponse
from .concentration import concentration_response as concentration_response
from .concentration import half_concentration as half_concentration
from .concentration import hill as hill
from .conventions import CONVENTIONS as CONVENTIONS
from .conventions import Convention as Convention
from .conventions import convention as convention
from .decay import Decay as Decay
from .decay import deactivation as deactivation
from .decay import decay as decay
from .decay import decay_time as decay_time
from .decay import desensitization as desensitization
from .decay import weighted_tau as weighted_tau
from .field_potential import FieldPotential as FieldPotential
from .field_potential import fixed_window as fixed_window
from .field_potential import level_samples as level_samples
from .field_potential import measure_field as measure_field
from .input_output import InputOutput as InputOutput
from .input_output import input_output as input_output
from .jump import Jump as Jump
from .jump import measure_jump as measure_jump
from .noise import NoiseAnalysis as NoiseAnalysis
from .noise import nonstationary_noise as nonstationary_noise
from .noise import open_probability as open_probability
from .observable import STATUSES as STATUSES
from .observable import Observable as Observable
from .pairs import fold_change as fold_change
from .pairs import paired_pulse_ratio as paired_pulse_ratio
from .pairs import recovery as recovery
from .peak import Peak as Peak
from .peak import peak as peak
from .peak import rise as rise
from .plateau import charge as charge
from .plateau import steady_state_ratio as steady_state_ratio
from .time_course import Bins as Bins
from .time_course import TimeCourse as TimeCourse
from .time_course import bin_time as bin_time
from .time_course import time_course as time_course
from .time_course import two_pathways as two_pathways
from .train import Train as Train
from .train import blank as blank
from .train import find_stimuli as find_stimuli
from .train import measure_train as measure_train
from .variability import Locus as Locus
from .variability import Variability as Variability
from .variability import locus as locus
from .variability import variability as variability
from .volley import Volley as Volley
from .volley import find_volley as find_volley
from .voltage_step import VoltageStep as VoltageStep
from .voltage_step import find_voltage_step as find_voltage_step
from .voltage_step import measure_voltage_step as measure_voltage_step
