"""Sphinx configuration: MyST pages, numpydoc docstrings, the library's bibliography."""

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import potentiate

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "potentiate"
author = "The potentiate authors"
project_copyright = "2026, The potentiate authors"
release = version = potentiate.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinxcontrib.bibtex",
    "conventions_table",
    "people_tables",
    "disposition_tables",
    "bibliography_style",
]
# tables that pages include are no pages
exclude_patterns = ["_build", "_templates", "studies/coverage*.md", "studies/sbc.md", "studies/synapse.md"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

# API pages follow the modules that exist: stubs of modules that are gone must not stay
shutil.rmtree(HERE / "_generated", ignore_errors=True)
autosummary_generate = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False


def setup(app):
    # pydantic leaves a class per parameter of a generic document in the module ("ExperimentDoc[ArmDoc]")
    app.connect("autodoc-skip-member", lambda app, what, name, *rest: True if "[" in name else None)


bibtex_bibfiles = ["../src/potentiate/library/references.bib"]

suppress_warnings = [
    # a name that a room re-exports has two homes; either link is right
    "ref.python",
]

html_theme = "pydata_sphinx_theme"
html_title = f"potentiate {version}"
html_static_path = ["_static"]
html_show_sourcelink = False
