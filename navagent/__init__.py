"""navagent: run, score and train embodied vision-and-language navigation agents."""

__version__ = "0.1.0"
