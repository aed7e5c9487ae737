"""Networks that decide and value: what is trained, and what a trained policy plays with."""

from navagent.lazy import exports

_MODULES = {
    "ActorCritic": "navagent.networks.actor_critic",
    "Architecture": "navagent.networks.architecture",
    "CrossModal": "navagent.networks.cross_modal",
    "CrossModalNetwork": "navagent.networks.architecture",
    "CandidateNetwork": "navagent.networks.architecture",
    "PolicyNetwork": "navagent.networks.policy_network",
    "SensorNetwork": "navagent.networks.architecture",
}

__all__ = [
    "ActorCritic",
    "Architecture",
    "CrossModal",
    "CrossModalNetwork",
    "CandidateNetwork",
    "PolicyNetwork",
    "SensorNetwork",
]

__getattr__ = exports(__name__, _MODULES)
