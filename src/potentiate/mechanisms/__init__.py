"""Right-hand sides that are not schemes: release, cleft, spine, calcium, induction, trafficking, field."""
