"""Lakes by name; a new one is a file in this room and a line here."""

from alphaads_pipelines.registry import Registry
from alphaads_pipelines.stores.lake.base import Lake

LAKES: Registry[Lake] = Registry("lake", {"delta": "alphaads_pipelines.stores.lake.delta:DeltaLake"})
