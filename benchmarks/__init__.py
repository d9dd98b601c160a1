"""Timings of the engine against other engines, in one run on one machine: ``python -m benchmarks``."""
