"""potentiate: an in-silico laboratory for the pharmacology of the glutamatergic synapse."""

__version__ = "0.1.0"
