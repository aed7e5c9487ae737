"""Training: PPO in one process, DD-PPO in several. Needs `pip install navagent[train]`."""
