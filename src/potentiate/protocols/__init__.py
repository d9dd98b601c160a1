"""Protocols: what the experimenter switches during a sweep."""

from .fast_application import agonist_free as agonist_free
from .fast_application import jump as jump
from .fast_application import paired_pulses as paired_pulses
from .fast_application import slow_application as slow_application
from .fast_application import synaptic_transient as synaptic_transient
from .fast_application import train as train
from .protocol import Protocol as Protocol
from .protocol import Segment as Segment
from .protocol import Transient as Transient
