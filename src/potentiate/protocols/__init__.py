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
from .slice_timetables import depotentiation as depotentiation
from .slice_timetables import drug_after_ltp as drug_after_ltp
from .slice_timetables import source_003 as source_003
from .slice_timetables import two_pathway as two_pathway
from .stimulation import Stimulation as Stimulation
from .timetable import Induce as Induce
from .timetable import TemperatureStep as TemperatureStep
from .timetable import Timetable as Timetable
from .timetable import WashIn as WashIn
from .timetable import WashOut as WashOut
