"""Houses as R2R sees them: the nav-graph task on the data that `navagent houses make` wrote."""

from __future__ import annotations

from envs.r2r.env import R2R


class HouseNavGraph(R2R):
    """R2R's task and rules on the houses' nav-graphs; the name keeps its scores apart from R2R's own.

    Args:
        split: train, val_seen or val_unseen.
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.
        max_steps: Moves after which an episode is over.
    """
