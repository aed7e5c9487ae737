"""`python -m navagent` is `navagent`."""

import sys
from pathlib import Path

# `python -m` looks for packages in the current folder first, where a user's own `eval` must not take the place of ours.
if sys.path and Path(sys.path[0]) != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from navagent.cli import main

sys.exit(main())
