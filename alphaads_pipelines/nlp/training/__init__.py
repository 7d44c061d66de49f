"""How the project's own models are made and measured: public data in, an artifact that `NeuralScorer` loads out.

Belongs here: datasets, the network, fitting, export, evaluation, the model card. Does not: anything that a serving
process imports; torch, onnx and the starting weights are the extra `training`, imported inside functions only.
"""
