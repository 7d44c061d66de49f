"""Generators by name."""

from alphaads_pipelines.creatives.base import Generator
from alphaads_pipelines.registry import Registry

GENERATORS: Registry[Generator] = Registry(
    "generator",
    {
        "anthropic": "alphaads_pipelines.creatives.anthropic:AnthropicGenerator",
        "openai": "alphaads_pipelines.creatives.openai:OpenAIGenerator",
        "templates": "alphaads_pipelines.creatives.templates:TemplateGenerator",
    },
)
