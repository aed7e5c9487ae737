"""Houses: procedural, pip-only 3D environments that obey R2R-CE's rules."""
