"""Evaluation: metrics, rules, the runner, the run directory, reports."""
