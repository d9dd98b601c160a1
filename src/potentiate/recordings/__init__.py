"""Recordings: simulated or real sweeps with their units, protocol and provenance; readers and writers."""

from .channel import Channel as Channel
from .delimited import write_csv as write_csv
from .read import read as read
from .recording import Recording as Recording
from .write import write as write
