"""Training and evaluation of the project's models: public data in, an artifact for `NeuralScorer` out.

Belongs here: datasets, network, fitting, export, evaluation, model card. Does not: anything imported by a serving
process; torch, onnx and the starting weights (extra `training`) are imported inside functions only.
"""
