"""Makes `peers` importable (tests are loaded by path, not from a folder on the module path)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
