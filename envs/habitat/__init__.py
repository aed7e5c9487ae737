"""R2R-CE and R2R on habitat-sim and habitat-lab, in this Python or in another one."""
