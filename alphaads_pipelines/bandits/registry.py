"""Policies by name; a new one is a file in this room and a line here."""

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.registry import Registry

POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        "epsilon_greedy": "alphaads_pipelines.bandits.epsilon_greedy:EpsilonGreedyPolicy",
        "linear_thompson": "alphaads_pipelines.bandits.linear_thompson:LinearThompsonPolicy",
        "linucb": "alphaads_pipelines.bandits.linucb:LinUCBPolicy",
        "random": "alphaads_pipelines.bandits.random:RandomPolicy",
        "thompson": "alphaads_pipelines.bandits.thompson:ThompsonPolicy",
        "vowpal_wabbit": "alphaads_pipelines.bandits.vowpal_wabbit:VowpalWabbitPolicy",
    },
)
