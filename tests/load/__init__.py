"""Load, crash and cost tests: short forms run in `make test`, the long sweeps in `make sweep`."""
